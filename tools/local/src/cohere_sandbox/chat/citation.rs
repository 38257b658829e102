//! Text that records which of its parts come from which source.
//!
//! Offsets are counted in characters, not bytes, with the end exclusive, as the API counts them.

use serde::Serialize;
use serde_json::{Map, Value};

#[derive(Clone, Serialize)]
pub(super) struct Citation {
    pub(super) start: usize,
    pub(super) end: usize,
    text: String,
    sources: [Source; 1],
    #[serde(rename = "type")]
    kind: &'static str,
    /// Which content block it is in, left out for the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_index: Option<usize>,
}

#[derive(Clone, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(super) enum Source {
    Document { id: String, document: Map<String, Value> },
    Tool { id: String, tool_output: Map<String, Value> },
}

impl Citation {
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The ids of what it cites.
    pub(super) fn source_ids(&self) -> Vec<&str> {
        let mut ids = Vec::new();
        for Source::Document { id, .. } | Source::Tool { id, .. } in &self.sources {
            ids.push(id.as_str());
        }
        ids
    }
}

pub(super) struct CitedText {
    text: String,
    length: usize,
    cites: bool,
    citations: Vec<Citation>,
}

impl CitedText {
    /// An empty text; it records sources only where `cites` is set.
    pub(super) fn new(cites: bool) -> Self {
        Self { text: String::new(), length: 0, cites, citations: Vec::new() }
    }

    pub(super) fn uncited(text: String) -> Self {
        let mut plain = Self::new(false);
        plain.push(&text);
        plain
    }

    pub(super) fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.length += text.chars().count();
    }

    pub(super) fn cite(&mut self, text: &str, source: Source) {
        let start = self.length;
        self.push(text);
        if self.cites && !text.is_empty() {
            let (text, end, sources) = (text.to_owned(), self.length, [source]);
            self.citations.push(Citation {
                start,
                end,
                text,
                sources,
                kind: "TEXT_CONTENT",
                content_index: None,
            });
        }
    }

    pub(super) fn into_parts(self) -> (String, Vec<Citation>) {
        (self.text, self.citations)
    }
}
