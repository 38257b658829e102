//! A second reader of requests and a Cohere that answers from it, to compare the gateway with.

use crate::run::hash;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use std::fmt;

/// The fields of an object in its order: keys by their meaning, values as they are written.
#[derive(Debug, PartialEq)]
pub(crate) struct Fields(pub(crate) Vec<(String, String)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;
        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Fields, M::Error> {
                let mut fields = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, &RawValue>()? {
                    fields.push((key, value.get().to_string()));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(FieldsVisitor)
    }
}

impl Fields {
    /// Reads an object; `None` where the text is none.
    pub(crate) fn read(json: &[u8]) -> Option<Self> {
        serde_json::from_slice(json).ok()
    }

    /// Returns a value as it is written; `null` counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(key, _)| key == name)?;
        Some(value.as_str()).filter(|value| *value != "null")
    }

    /// Returns the fields with those of `set` in place of their own.
    pub(crate) fn with(mut self, set: &[(&str, &str)]) -> Self {
        if !set.is_empty() {
            self.0.retain(|(key, _)| set.iter().all(|(name, _)| name != key));
        }
        self.0.extend(set.iter().map(|(name, value)| (name.to_string(), value.to_string())));
        self
    }

    /// Returns the elements of an array as they are written.
    fn elements(&self, name: &str) -> Option<Vec<&str>> {
        let elements: Vec<&RawValue> = serde_json::from_str(self.get(name)?).ok()?;
        Some(elements.into_iter().map(RawValue::get).collect())
    }
}

/// Where Cohere says of each input what this release does not know.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum News {
    None,
    AtTop,
    InObject,
    InMeta,
}

impl News {
    pub(crate) const ALL: [News; 4] = [News::None, News::AtTop, News::InObject, News::InMeta];

    /// Writes what is new, for the top of an answer and for its `meta`.
    fn tell(self, inputs: &[&str]) -> [String; 2] {
        let list: Vec<_> = inputs.iter().map(|input| format!("\"of {:x}\"", hash(input))).collect();
        let list = format!(r#""languages":[{}]"#, list.join(","));
        match self {
            News::None => Default::default(),
            News::AtTop => [format!(",{list}"), String::new()],
            News::InObject => [format!(r#","detected":{{{list},"by":"x"}}"#), String::new()],
            News::InMeta => [String::new(), format!(",{list}")],
        }
    }
}

/// Writes what is counted of inputs: how many they are, and their bytes.
pub(crate) fn write_counts<'a>(inputs: impl Iterator<Item = &'a str> + Clone) -> String {
    let units = inputs.clone().count();
    let tokens: usize = inputs.map(str::len).sum();
    format!(
        r#""billed_units":{{"units":{units},"image_tokens":0}},"tokens":{{"input_tokens":{tokens}}},"cached_tokens":{units}"#
    )
}

/// Answers an embed request as one call would; `None` where no types can be read.
///
/// Each embedding depends on its type, the model, the input type and its own input, and is written
/// in notations that no parser would give back.
pub(crate) fn answer_embed(body: &[u8], news: News) -> Option<String> {
    let request = Fields::read(body).expect("the body that Cohere gets is an object");
    let source = ["texts", "images", "inputs"].into_iter().find(|name| request.get(name).is_some());
    let source = source.expect("the body that Cohere gets has inputs");
    let inputs = request.elements(source).expect("an array of inputs");
    let mut types: Vec<String> = Vec::new();
    for name in serde_json::from_str::<Vec<String>>(request.get("embedding_types")?).ok()? {
        if !types.contains(&name) {
            types.push(name);
        }
    }
    let around = (request.get("model"), request.get("input_type"));
    let mut columns = Vec::new();
    for name in types {
        let cells = inputs.iter().map(|input| write_cell(&name, hash((&name, around, input))));
        let cells: Vec<_> = cells.collect();
        columns.push(format!("{}:[{}]", Value::from(name), cells.join(",")));
    }
    let echo = match source {
        "texts" => format!(r#""texts":[{}]"#, inputs.join(",")),
        "images" => format!(r#""texts":[],"images":[{}]"#, inputs.join(",")),
        // Only some of the inputs have texts.
        _ => {
            let some = inputs.iter().filter(|input| hash(input) % 3 > 0).copied();
            format!(r#""texts":[{}]"#, some.collect::<Vec<_>>().join(","))
        }
    };
    let is_warned = inputs.iter().any(|input| input.contains("long"));
    let warnings = if is_warned { r#","warnings":["an input was cut"]"# } else { "" };
    let (id, columns) = (hash(body), columns.join(","));
    let counts = write_counts(inputs.iter().copied());
    let [news, news_in_meta] = news.tell(&inputs);
    let meta =
        format!(r#""meta":{{"api_version":{{"version":"2"}},{counts}{warnings}{news_in_meta}}}"#);
    Some(format!(
        r#"{{"id":"{id:x}",{echo},"embeddings":{{{columns}}}{news},{meta},"response_type":"by_type"}}"#
    ))
}

/// Writes an embedding; one of a type that is not known may be anything.
fn write_cell(name: &str, seed: u64) -> String {
    match (name, seed % 3) {
        ("base64", _) => format!("\"{seed:016x}],[{{\\\"\""),
        ("int8" | "uint8" | "binary" | "ubinary", _) => {
            format!("[{},-{},-0]", seed % 256, (seed >> 8) % 128)
        }
        ("float", _) | (_, 0) => format!("[0.{}0,-{}e-{},1.0]", seed % 10_000, seed % 7, seed % 30),
        (_, 1) => format!("\"{seed:x}],[{{\\\"\""),
        _ => format!(r#"{{"[":[{seed}]}}"#),
    }
}

/// Answers a rerank request as one call would; a score depends on the query and its own document.
pub(crate) fn answer_rerank(body: &[u8], news: News) -> String {
    let request = Fields::read(body).expect("the body that Cohere gets is an object");
    let documents = request.elements("documents").expect("an array of documents");
    let query = request.get("query");
    // Few different scores, so that many are equal, in several notations of one number.
    let scores =
        ["0.5", "0.50", "5e-1", "0.25", "9e-1", "1e-9", "0.000000001", "0", "-0.0", "0e7", "-0.25"];
    let score = |document: &&str| scores[hash((query, document)) as usize % scores.len()];
    let mut ranked: Vec<_> = documents.iter().map(score).enumerate().collect();
    ranked.sort_by(|(_, left), (_, right)| {
        let [left, right] = [left, right].map(|score| score.parse::<f64>().unwrap());
        right.partial_cmp(&left).unwrap()
    });
    if let Some(top_n) = request.get("top_n") {
        ranked.truncate(top_n.parse::<f64>().unwrap() as usize);
    }
    let results = ranked.iter().map(|(index, score)| {
        format!(r#"{{"index":{index},"relevance_score":{score},"new":["]"]}}"#)
    });
    let (id, results) = (hash(body), results.collect::<Vec<_>>().join(","));
    let counts = write_counts(documents.iter().copied());
    let [news, news_in_meta] = news.tell(&documents);
    let meta = format!(r#""meta":{{{counts}{news_in_meta}}}"#);
    format!(r#"{{"id":"{id:x}","results":[{results}]{news},{meta}}}"#)
}
