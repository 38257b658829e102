//! Decides what to answer: tool calls, JSON, what tools or documents say, or the question itself.
//!
//! An answer is composed whole and then cut to the limits, so that a stream and a plain answer to
//! the same request say the same.

use serde_json::{Value, json};

use crate::cohere_sandbox::chat::arguments::ValueWriter;
use crate::cohere_sandbox::chat::citation::{Citation, CitedText, Source};
use crate::cohere_sandbox::chat::messages::Document;
use crate::cohere_sandbox::chat::request::{ChatRequest, Tool, ToolChoice};
use crate::cohere_sandbox::digest;
use crate::cohere_sandbox::text::{count_shared_words, split_pieces, split_sentences};

const MOST_QUOTED_SENTENCES: usize = 3;

pub(super) struct ChatAnswer {
    pub(super) thinking: Option<String>,
    pub(super) tool_plan: Option<String>,
    pub(super) calls: Vec<ToolCall>,
    pub(super) text: Option<String>,
    pub(super) citations: Vec<Citation>,
    pub(super) finish: FinishReason,
}

pub(super) struct ToolCall {
    pub(super) id: String,
    pub(super) name: String,
    /// None for a tool without parameters.
    pub(super) arguments: Option<Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FinishReason {
    Complete,
    StopSequence,
    MaxTokens,
    ToolCall,
}

impl FinishReason {
    pub(super) fn name(self) -> &'static str {
        match self {
            FinishReason::Complete => "COMPLETE",
            FinishReason::StopSequence => "STOP_SEQUENCE",
            FinishReason::MaxTokens => "MAX_TOKENS",
            FinishReason::ToolCall => "TOOL_CALL",
        }
    }
}

impl ChatAnswer {
    pub(super) fn compose(request: &ChatRequest, digest: u128) -> Self {
        let tools = tools_to_call(request);
        let mut answer = if tools.is_empty() {
            answer_with_text(request)
        } else {
            answer_with_calls(request, &tools, digest)
        };
        if request.thinks {
            answer.thinking = Some(write_thinking(request, &tools));
            // A model that thinks has its plan among its thoughts.
            answer.tool_plan = None;
            answer.citations.iter_mut().for_each(|citation| citation.content_index = Some(1));
        }
        answer.stop_at(&request.stop_sequences);
        answer.cut_to(request.max_tokens, request.thinking_budget);
        answer.citations.retain(|citation| {
            citation.end <= answer.text.as_deref().unwrap_or_default().chars().count()
        });
        answer
    }

    fn from_text(text: CitedText) -> Self {
        let (text, citations) = text.into_parts();
        Self {
            thinking: None,
            tool_plan: None,
            calls: Vec::new(),
            text: Some(text),
            citations,
            finish: FinishReason::Complete,
        }
    }

    fn stop_at(&mut self, sequences: &[&str]) {
        let Some(text) = &mut self.text else { return };
        if let Some(end) = sequences.iter().filter_map(|sequence| text.find(sequence)).min() {
            text.truncate(text[..end].trim_end().len());
            self.finish = FinishReason::StopSequence;
        }
    }

    /// Thinking, plan and text share the limit, in that order; calls are dropped once it is used
    /// up.
    fn cut_to(&mut self, max_tokens: usize, thinking_budget: usize) {
        let mut remaining = max_tokens;
        if let Some(thinking) = &mut self.thinking {
            truncate_pieces(thinking, thinking_budget);
            remaining -= split_pieces(thinking).len().min(remaining);
            truncate_pieces(thinking, max_tokens);
        }
        let mut is_cut = remaining == 0 && !self.calls.is_empty();
        for text in [&mut self.tool_plan, &mut self.text].into_iter().flatten() {
            is_cut |= truncate_pieces(text, remaining);
        }
        if is_cut {
            self.finish = FinishReason::MaxTokens;
            self.calls.clear();
            self.text = self.text.take().filter(|text| !text.is_empty());
        }
    }
}

/// Cuts a text to so many pieces and says whether it had more.
fn truncate_pieces(text: &mut String, most: usize) -> bool {
    let all = split_pieces(text);
    let is_longer = all.len() > most;
    let length = all.into_iter().take(most).map(str::len).sum();
    text.truncate(length);
    is_longer
}

/// The tools that fit the question best; none if it is answered, or tools are not wanted.
fn tools_to_call<'a>(request: &'a ChatRequest) -> Vec<&'a Tool<'a>> {
    let required = request.tool_choice == ToolChoice::Required;
    let answered = !request.tool_results().is_empty();
    if request.tool_choice == ToolChoice::None || (answered && !required) {
        return Vec::new();
    }
    let question = &request.question().text;
    let best = request.tools.iter().map(|tool| count_fit(tool, question)).max().unwrap_or(0);
    let fitting = request.tools.iter().filter(|tool| count_fit(tool, question) == best);
    // Nothing in common with any tool: the first is as good as another.
    fitting.take(if best == 0 { 1 } else { usize::MAX }).collect()
}

/// How many words of the question a tool's name and description share.
fn count_fit(tool: &Tool, question: &str) -> usize {
    let name = tool.name.replace(['_', '-'], " ");
    count_shared_words(question, &format!("{name} {}", tool.description))
}

fn answer_with_calls(request: &ChatRequest, tools: &[&Tool], digest: u128) -> ChatAnswer {
    let question = &request.question().text;
    let calls = tools.iter().enumerate().map(|(index, tool)| ToolCall {
        id: format!(
            "{}_{}",
            tool.name,
            digest::to_letters(digest.rotate_left(11 * index as u32 + 3), 12)
        ),
        name: tool.name.to_owned(),
        arguments: has_parameters(tool)
            .then(|| ValueWriter::new(question).write_value(tool.parameters)),
    });
    let names = tools.iter().map(|tool| tool.name).collect::<Vec<_>>().join(" and the ");
    ChatAnswer {
        thinking: None,
        tool_plan: Some(format!("I will use the {names} tool to answer: {}", question.trim())),
        calls: calls.collect(),
        text: None,
        citations: Vec::new(),
        finish: FinishReason::ToolCall,
    }
}

fn has_parameters(tool: &Tool) -> bool {
    match tool.parameters["properties"].as_object() {
        Some(properties) => !properties.is_empty(),
        None => false,
    }
}

fn write_thinking(request: &ChatRequest, tools: &[&Tool]) -> String {
    let next = match (tools, request.documents.is_empty()) {
        ([tool, ..], _) => {
            format!(
                "The {} tool can help, so I will call it with what the message says.",
                tool.name
            )
        }
        ([], false) => {
            "The documents given may hold the answer, so I will look for sentences about it."
                .to_owned()
        }
        ([], true) => "I can answer that directly.".to_owned(),
    };
    format!("The user says: \"{}\". {next}", request.question().text.trim())
}

fn answer_with_text(request: &ChatRequest) -> ChatAnswer {
    if let Some(schema) = request.json {
        let writer = ValueWriter::new(&request.question().text);
        return ChatAnswer::from_text(CitedText::uncited(json_answer(writer, schema)));
    }
    let results = request.tool_results();
    let text = if !results.is_empty() {
        quote_tools(request, &results)
    } else if !request.documents.is_empty() {
        quote_documents(request)
    } else {
        CitedText::uncited(echo_question(request))
    };
    ChatAnswer::from_text(text)
}

fn json_answer(mut writer: ValueWriter, schema: Option<&Value>) -> String {
    let answer = json!({"type": "string", "title": "question"});
    let default = json!({"type": "object", "properties": {"answer": answer}});
    let value = writer.write_value(schema.unwrap_or(&default));
    value.to_string()
}

fn echo_question(request: &ChatRequest) -> String {
    let question = request.question();
    let images = match question.images {
        0 => String::new(),
        1 => " and showed me an image".to_owned(),
        many => format!(" and showed me {many} images"),
    };
    let earlier = match request.messages.len() {
        1 => String::new(),
        many => format!(" This is message {many} of our conversation."),
    };
    format!(
        "You said: \"{}\"{images}.{earlier} I am the Cohere sandbox: my answers have the shape of \
         the real ones, but no model wrote them.",
        question.text.trim()
    )
}

fn quote_tools(request: &ChatRequest, results: &[(&str, &Document)]) -> CitedText {
    let mut text = CitedText::new(request.cites);
    for (index, (name, output)) in results.iter().enumerate() {
        text.push(if index == 0 { "According to " } else { " According to " });
        text.push(&format!("{name}: "));
        let source = Source::Tool { id: output.id.clone(), tool_output: output.data.clone() };
        text.cite(output.joined_text().trim(), source);
        text.push(".");
    }
    text
}

/// The sentences that share most words with the question, in the order of the documents.
fn quote_documents(request: &ChatRequest) -> CitedText {
    let question = &request.question().text;
    let texts: Vec<String> =
        request.documents.iter().map(|document| document.joined_text()).collect();
    // Score, place among all sentences, number of the document, sentence.
    let mut best: Vec<(usize, usize, usize, &str)> = Vec::new();
    for (document, text) in texts.iter().enumerate() {
        for sentence in split_sentences(text) {
            best.push((count_shared_words(question, sentence), best.len(), document, sentence));
        }
    }
    let first = best.first().copied();
    best.retain(|(score, ..)| *score > 0);
    best.sort_by_key(|(score, place, ..)| (usize::MAX - score, *place));
    best.truncate(MOST_QUOTED_SENTENCES);
    best.sort_by_key(|(_, place, ..)| *place);
    if best.is_empty() {
        best.extend(first);
    }
    let mut text = CitedText::new(request.cites);
    text.push("The documents say:");
    for (_, _, index, sentence) in best {
        let document = &request.documents[index];
        let mut shown = document.data.clone();
        shown.insert("id".to_owned(), Value::from(document.id.clone()));
        text.push(" ");
        text.cite(sentence, Source::Document { id: document.id.clone(), document: shown });
    }
    text
}
