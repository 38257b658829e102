//! Answers in Cohere's form, prepared at the start.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

const MAX_TEXTS: usize = 96;
const DIMENSIONS: usize = 1536;
const USAGE: &str = r#""usage":{"billed_units":{"input_tokens":5,"output_tokens":32},"tokens":{"input_tokens":71,"output_tokens":32}}"#;

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(default)]
    stream: bool,
    #[serde(borrow, default)]
    texts: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    documents: Vec<&'a RawValue>,
}

pub(crate) struct Answers {
    chat: Bytes,
    /// Vectors, one after the other with a comma between them.
    vectors: Bytes,
    /// How long the first vectors are, by their number.
    lengths: Vec<usize>,
    pub(crate) secret: Bytes,
    pub(crate) stream_beginning: Bytes,
    pub(crate) stream_end: Bytes,
}

impl Answers {
    pub(crate) fn prepare() -> Self {
        let (vectors, lengths) = write_vectors();
        let text = "A language model predicts the next word of a text from the words before it. "
            .repeat(24);
        let chat = format!(
            r#"{{"id":"c14c80c3-18eb-4519-9460-6c92edd8cfb4","finish_reason":"COMPLETE","message":{{"role":"assistant","content":[{{"type":"text","text":"{text}"}}]}},{USAGE}}}"#
        );
        let secret = r#"{"ARN":"arn:aws:secretsmanager:us-east-1:000000000000:secret:key","Name":"key","CreatedDate":1.7e9,"SecretString":"not-a-key-of-anyone","VersionId":"00000000-0000-4000-8000-000000000000","VersionStages":["AWSCURRENT"]}"#;
        let beginning = [
            write_event(
                "message-start",
                r#""id":"29f14a5a-11de-4cae-9800-25e4747408ea","delta":{"message":{"role":"assistant","content":[]}}"#,
            ),
            write_event(
                "content-start",
                r#""index":0,"delta":{"message":{"content":{"type":"text","text":""}}}"#,
            ),
        ];
        let end = [
            write_event("content-end", r#""index":0"#),
            write_event(
                "message-end",
                &format!(r#""delta":{{"finish_reason":"COMPLETE",{USAGE}}}"#),
            ),
        ];
        Self {
            chat: chat.into(),
            vectors,
            lengths,
            secret: secret.into(),
            stream_beginning: beginning.concat().into(),
            stream_end: end.concat().into(),
        }
    }

    /// Returns the pieces of an answer.
    pub(crate) fn find(&self, path: &str, body: &[u8]) -> Result<Vec<Bytes>, String> {
        let request: Request = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        match path {
            "/v2/chat" => Ok(vec![self.chat.clone()]),
            "/v2/embed" if (1..=MAX_TEXTS).contains(&request.texts.len()) => {
                Ok(self.embed(&request.texts))
            }
            "/v2/embed" => {
                Err(format!("{} texts, 1 to {MAX_TEXTS} are allowed", request.texts.len()))
            }
            "/v2/rerank" => Ok(vec![rank(request.documents.len())]),
            _ => Err(format!("{path} is not served")),
        }
    }

    fn embed(&self, texts: &[&RawValue]) -> Vec<Bytes> {
        let echo: Vec<_> = texts.iter().map(|text| text.get()).collect();
        let end = format!(
            r#"]}},"texts":[{}],"meta":{{"api_version":{{"version":"2"}},"billed_units":{{"input_tokens":{}}}}},"response_type":"embeddings_by_type"}}"#,
            echo.join(","),
            texts.len() * 8
        );
        vec![
            Bytes::from_static(
                br#"{"id":"da6e531f-54c6-4a73-bf92-f60566d8d753","embeddings":{"float":["#,
            ),
            self.vectors.slice(..self.lengths[texts.len()]),
            end.into(),
        ]
    }
}

pub(crate) fn is_streamed(body: &[u8]) -> bool {
    serde_json::from_slice::<Request>(body).is_ok_and(|request| request.stream)
}

/// Writes an event of content that tells when it was sent, between `@` and `;`.
pub(crate) fn write_stamped_event(now_ns: u128) -> Bytes {
    let fields =
        format!(r#""index":0,"delta":{{"message":{{"content":{{"text":" word @{now_ns};"}}}}}}"#);
    write_event("content-delta", &fields).into()
}

fn write_event(kind: &str, fields: &str) -> String {
    format!("event: {kind}\ndata: {{\"type\":\"{kind}\",{fields}}}\n\n")
}

fn rank(count: usize) -> Bytes {
    let score = |index: usize| 0.999 / (index + 1) as f64;
    let results: Vec<_> = (0..count)
        .map(|index| format!(r#"{{"index":{index},"relevance_score":{:.6}}}"#, score(index)))
        .collect();
    format!(
        r#"{{"id":"07734bd2-2473-4f07-94e1-0d9f0e6843cf","results":[{}],"meta":{{"api_version":{{"version":"2"}},"billed_units":{{"search_units":{}}}}}}}"#,
        results.join(","),
        count.div_ceil(100)
    )
    .into()
}

/// Writes vectors whose numbers have as many digits as Cohere's.
fn write_vectors() -> (Bytes, Vec<usize>) {
    let (mut text, mut lengths, mut state) = (String::new(), vec![0], 0x9E37_79B9_7F4A_7C15_u64);
    for vector in 0..MAX_TEXTS {
        text += if vector == 0 { "[" } else { ",[" };
        for dimension in 0..DIMENSIONS {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let value = ((state >> 40) as f64 / f64::from(1 << 24) - 0.5) * 0.16;
            let comma = if dimension == 0 { "" } else { "," };
            text += &format!("{comma}{value:.9}");
        }
        text += "]";
        lengths.push(text.len());
    }
    (text.into(), lengths)
}
