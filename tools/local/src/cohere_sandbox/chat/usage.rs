//! Counts tokens as the API reports them: those that are billed, and those that the model read.

use crate::cohere_sandbox::chat::answer::{ChatAnswer, ToolCall};
use crate::cohere_sandbox::chat::request::ChatRequest;
use crate::cohere_sandbox::text::count_tokens;
use crate::cohere_sandbox::text::split_pieces;

/// Tokens that the API puts before every prompt, not billed and cached; more with tools or
/// documents.
const PREAMBLE_TOKENS: usize = 495;
const PREAMBLE_TOKENS_WITH_TOOLS: usize = 1_400;
const PREAMBLE_CHARS: usize = 2_580;
/// Tokens that mark the ends of an answer.
const FRAME_TOKENS: usize = 3;
const TOKENS_OF_AN_IMAGE: usize = 259;

pub(super) struct ChatUsage {
    billed_input: usize,
    billed_output: usize,
    preamble: usize,
    images: usize,
    /// Reported by the models that reason by themselves.
    reasoning: Option<usize>,
    pub(super) prompt_chars: usize,
}

impl ChatUsage {
    pub(super) fn count(request: &ChatRequest, answer: &ChatAnswer) -> Self {
        let tools = request
            .tools
            .iter()
            .map(|tool| format!("{} {} {}", tool.name, tool.description, tool.parameters));
        let documents = request.documents.iter().map(|document| document.joined_text());
        let outputs = request
            .messages
            .iter()
            .flat_map(|message| &message.outputs)
            .map(|output| output.joined_text());
        let messages = request
            .messages
            .iter()
            .filter(|message| message.outputs.is_empty())
            .map(|m| m.text.clone());
        let prompt: Vec<String> = messages.chain(outputs).chain(documents).chain(tools).collect();

        let images = request.messages.iter().map(|message| message.images).sum();
        let grounded = !request.tools.is_empty() || !request.documents.is_empty();
        let thinking = count_pieces(&answer.thinking);
        let reports_reasoning = request.model.id.starts_with("command-a-plus") && thinking > 0;
        Self {
            billed_input: prompt.iter().map(|text| count_tokens(text)).sum::<usize>()
                + images * TOKENS_OF_AN_IMAGE,
            billed_output: thinking
                + count_pieces(&answer.tool_plan)
                + count_pieces(&answer.text)
                + answer.calls.iter().map(count_call_tokens).sum::<usize>(),
            preamble: if grounded { PREAMBLE_TOKENS_WITH_TOOLS } else { PREAMBLE_TOKENS },
            images,
            reasoning: if reports_reasoning { Some(thinking) } else { None },
            prompt_chars: PREAMBLE_CHARS
                + prompt.iter().map(|text| text.chars().count()).sum::<usize>(),
        }
    }

    pub(super) fn billed_tokens(&self) -> usize {
        self.billed_input + self.billed_output
    }

    /// The tokens that are billed: of the prompt, and of the answer.
    pub(super) fn billed(&self) -> (usize, usize) {
        (self.billed_input, self.billed_output)
    }

    /// The tokens that the model read and wrote.
    pub(super) fn tokens(&self) -> (usize, usize) {
        (self.preamble + self.billed_input, self.billed_output + FRAME_TOKENS)
    }

    pub(super) fn to_json(&self) -> String {
        let image_tokens = self.images * TOKENS_OF_AN_IMAGE;
        let read = self.preamble + self.billed_input - image_tokens;
        let images = if self.images > 0 {
            format!(",\"image_tokens\":{image_tokens}")
        } else {
            String::new()
        };
        let reasoning = self
            .reasoning
            .map(|count| format!(",\"reasoning_tokens\":{count}"))
            .unwrap_or_default();
        format!(
            r#"{{"billed_units":{{"input_tokens":{},"output_tokens":{}}},"tokens":{{"input_tokens":{read},"output_tokens":{}{images}{reasoning}}},"cached_tokens":{}}}"#,
            self.billed_input,
            self.billed_output,
            self.billed_output + FRAME_TOKENS,
            self.preamble / 16 * 16,
        )
    }
}

fn count_pieces(text: &Option<String>) -> usize {
    match text {
        Some(text) => split_pieces(text).len(),
        None => 0,
    }
}

/// Two for the call itself, and one for every four bytes of its arguments.
fn count_call_tokens(call: &ToolCall) -> usize {
    match &call.arguments {
        Some(arguments) => 2 + arguments.to_string().len() / 4,
        None => 2,
    }
}
