//! Reads a chat request, and refuses it in every way the API does.

use serde_json::{Map, Value};

use crate::cohere_sandbox::api_error::ApiError;
use crate::cohere_sandbox::chat::messages::{self, Document, Message, Role, text_data};
use crate::cohere_sandbox::fields::Fields;
use crate::cohere_sandbox::models::{self, Endpoint, Model};
use crate::cohere_sandbox::text;

const MAX_STOP_SEQUENCES: usize = 5;
const KNOWN: &[&str] = &[
    "model",
    "messages",
    "stream",
    "tools",
    "strict_tools",
    "documents",
    "citation_options",
    "response_format",
    "safety_mode",
    "max_tokens",
    "stop_sequences",
    "temperature",
    "seed",
    "frequency_penalty",
    "presence_penalty",
    "k",
    "p",
    "logprobs",
    "tool_choice",
    "thinking",
    "priority",
];

pub(super) struct ChatRequest<'a> {
    pub(super) model: &'static Model,
    pub(super) messages: Vec<Message<'a>>,
    pub(super) tools: Vec<Tool<'a>>,
    pub(super) tool_choice: ToolChoice,
    pub(super) documents: Vec<Document>,
    pub(super) cites: bool,
    /// Set where the answer must be JSON, with the schema it must fit where one is given.
    pub(super) json: Option<Option<&'a Value>>,
    pub(super) thinks: bool,
    pub(super) thinking_budget: usize,
    pub(super) max_tokens: usize,
    pub(super) stop_sequences: Vec<&'a str>,
    pub(super) stream: bool,
    pub(super) logprobs: bool,
    pub(super) warnings: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ToolChoice {
    Auto,
    Required,
    None,
}

pub(super) struct Tool<'a> {
    pub(super) name: &'a str,
    pub(super) description: &'a str,
    pub(super) parameters: &'a Value,
}

impl<'a> ChatRequest<'a> {
    pub(super) fn from_object(object: &'a Map<String, Value>) -> Result<Self, ApiError> {
        let fields = Fields::new(object, "chat");
        let model = models::resolve_model(fields.read_text("model")?, Endpoint::Chat)?;
        let messages = messages::read_messages(fields)?;
        check_images(model, &messages)?;
        let tools = read_tools(fields)?;
        let documents = read_documents(fields)?;
        check_sampling(fields)?;
        let json = read_format(fields)?;
        if json.is_some() && !documents.is_empty() {
            return Err(ApiError::invalid_request("response_format is not supported with RAG."));
        }
        let (thinks, thinking_budget) = read_thinking(fields, model)?;
        let request = Self {
            model,
            tool_choice: read_tool_choice(fields, &tools)?,
            documents,
            cites: read_citation_mode(fields)?,
            json,
            thinks,
            thinking_budget,
            max_tokens: read_max_tokens(fields, model)?,
            stop_sequences: read_stop_sequences(fields)?,
            stream: fields.read_flag("stream")?.unwrap_or(false),
            logprobs: fields.read_flag("logprobs")?.unwrap_or(false),
            warnings: model
                .deprecation_warning()
                .into_iter()
                .chain(fields.unknown_field_warnings(KNOWN))
                .collect(),
            messages,
            tools,
        };
        request.check_context()?;
        Ok(request)
    }

    /// The message to answer: the user's last.
    pub(super) fn question(&self) -> &Message<'a> {
        let of_user = self.messages.iter().rev().find(|message| message.role == Role::User);
        of_user.or(self.messages.last()).expect("there is a message")
    }

    /// Results of tools since the user's last message, with the names of the tools.
    pub(super) fn tool_results(&self) -> Vec<(&'a str, &Document)> {
        let since =
            self.messages.iter().rposition(|message| message.role == Role::User).unwrap_or(0);
        let mut results = Vec::new();
        for message in &self.messages[since..] {
            let name = self.tool_name_of_call(message.answers);
            for output in &message.outputs {
                results.push((name, output));
            }
        }
        results
    }

    fn tool_name_of_call(&self, id: Option<&str>) -> &'a str {
        for call in self.messages.iter().flat_map(|message| &message.calls) {
            if Some(call.id) == id {
                return call.name;
            }
        }
        "the tool"
    }

    fn check_context(&self) -> Result<(), ApiError> {
        let texts = self.messages.iter().map(|message| text::count_tokens(&message.text));
        let documents =
            self.documents.iter().map(|document| text::count_tokens(&document.joined_text()));
        let tokens = texts.chain(documents).sum::<usize>();
        let over = tokens.saturating_sub(self.model.context_tokens);
        if over > 0 {
            return Err(ApiError::too_many_tokens(format!(
                "size limit exceeded by {over} tokens. Try using shorter or fewer inputs, or \
                 setting prompt_truncation='AUTO'."
            )));
        }
        Ok(())
    }
}

/// The error's message is not the API's but our own.
fn check_images(model: &Model, messages: &[Message]) -> Result<(), ApiError> {
    if !model.has_vision && messages.iter().any(|message| message.images > 0) {
        return Err(ApiError::invalid_request(format!(
            "image content is not supported by model '{}'",
            model.id
        )));
    }
    Ok(())
}

fn read_tools<'a>(fields: Fields<'a>) -> Result<Vec<Tool<'a>>, ApiError> {
    let mut tools = Vec::new();
    for tool in fields.read_list("tools")?.unwrap_or_default() {
        let function = &tool["function"];
        let name = function["name"].as_str().unwrap_or_default();
        if !is_tool_name(name) {
            return Err(ApiError::invalid_request(format!(
                "tool names can only contain certain characters (A-Za-z0-9_) and can't begin with \
                 a digit (provided name: '{name}')."
            )));
        }
        let description = function["description"].as_str().unwrap_or_default();
        tools.push(Tool { name, description, parameters: &function["parameters"] });
    }
    Ok(tools)
}

fn is_tool_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

fn read_tool_choice(fields: Fields, tools: &[Tool]) -> Result<ToolChoice, ApiError> {
    match fields.read_text("tool_choice")? {
        None => Ok(ToolChoice::Auto),
        Some("NONE") => Ok(ToolChoice::None),
        // Both messages are not the API's but our own.
        Some("REQUIRED") if tools.is_empty() => {
            Err(ApiError::invalid_request("tool_choice requires tools to be provided"))
        }
        Some("REQUIRED") => Ok(ToolChoice::Required),
        Some(other) => Err(ApiError::invalid_request(format!(
            "tool_choice must be one of 'REQUIRED' or 'NONE' - received '{other}'"
        ))),
    }
}

fn read_documents(fields: Fields) -> Result<Vec<Document>, ApiError> {
    let mut documents: Vec<Document> = Vec::new();
    for (index, given) in fields.read_list("documents")?.unwrap_or_default().iter().enumerate() {
        let data = match (given, &given["data"]) {
            (_, Value::Object(data)) => data.clone(),
            (Value::String(text), _) | (_, Value::String(text)) => text_data("text", text),
            _ => {
                return Err(ApiError::invalid_request(format!(
                    "document at index {index} cannot be empty"
                )));
            }
        };
        let id = match given["id"].as_str() {
            Some(id) => id.to_owned(),
            None => format!("doc:{index}"),
        };
        if let Some(earlier) = documents.iter().position(|document| document.id == id) {
            return Err(ApiError::invalid_request(format!(
                "duplicate document ID {id} at index {index} and {earlier}"
            )));
        }
        documents.push(Document { id, data });
    }
    Ok(documents)
}

fn read_citation_mode(fields: Fields) -> Result<bool, ApiError> {
    let options = fields.read_object("citation_options", "citation_options.")?;
    match options.and_then(|options| options.value("mode")) {
        Some(Value::String(mode)) => Ok(!matches!(mode.as_str(), "DISABLED" | "OFF")),
        Some(Value::Bool(on)) => Ok(*on),
        _ => Ok(true),
    }
}

/// Whether the model thinks before it answers, and in how many tokens at most.
fn read_thinking(fields: Fields, model: &Model) -> Result<(bool, usize), ApiError> {
    let Some(thinking) = fields.read_object("thinking", "thinking.")? else {
        return Ok((model.has_reasoning, usize::MAX));
    };
    let thinks = match thinking.read_text("type")? {
        Some(kind) => kind == "enabled",
        None => model.has_reasoning,
    };
    let budget = thinking.read_integer("token_budget")?;
    let budget = budget.and_then(|budget| usize::try_from(budget).ok());
    Ok((thinks, budget.unwrap_or(usize::MAX)))
}

fn read_format<'a>(fields: Fields<'a>) -> Result<Option<Option<&'a Value>>, ApiError> {
    let Some(format) = fields.read_object("response_format", "response_format.")? else {
        return Ok(None);
    };
    match format.read_text("type")? {
        None | Some("text") => Ok(None),
        Some("json_object") => {
            let schema = format.value("json_schema").or(format.value("schema"));
            if let Some(schema) = schema
                && !schema.is_object()
            {
                return Err(ApiError::bad_request("schema must be an object"));
            }
            Ok(Some(schema))
        }
        Some(other) => Err(ApiError::invalid_request(format!(
            "response_format type must be one of 'text' or 'json_object' - received '{other}'"
        ))),
    }
}

fn read_max_tokens(fields: Fields, model: &Model) -> Result<usize, ApiError> {
    let Some(wanted) = fields.read_integer("max_tokens")? else {
        return Ok(model.max_output_tokens);
    };
    let most = model.max_output_tokens;
    let number = usize::try_from(wanted).ok().filter(|number| *number > 0);
    let number = number.ok_or_else(|| {
        ApiError::invalid_request("max_tokens must be greater than or equal to 1.")
    })?;
    if number > most {
        return Err(ApiError::too_many_tokens(format!(
            "max tokens must be less than or equal to {most}, the maximum output for this model - \
             received {wanted}."
        )));
    }
    Ok(number)
}

fn read_stop_sequences<'a>(fields: Fields<'a>) -> Result<Vec<&'a str>, ApiError> {
    let sequences = fields.read_texts("stop_sequences")?.unwrap_or_default();
    if sequences.len() > MAX_STOP_SEQUENCES {
        let received = sequences.len();
        return Err(ApiError::invalid_request(format!(
            "too many stop sequences provided, maximum is {MAX_STOP_SEQUENCES}, received \
             {received}."
        )));
    }
    Ok(sequences.into_iter().filter(|sequence| !sequence.is_empty()).collect())
}

fn check_sampling(fields: Fields) -> Result<(), ApiError> {
    let ranges = [
        ("temperature", 0.0..=1.0, "temperature must be between 0 and 1.0 inclusive."),
        ("frequency_penalty", 0.0..=1.0, "frequency_penalty must be between 0 and 1 inclusive."),
        ("presence_penalty", 0.0..=1.0, "presence_penalty must be between 0 and 1 inclusive."),
        ("k", 0.0..=500.0, "k must be between 0 and 500 inclusive."),
        ("priority", 0.0..=999.0, "priority must be between 0 and 999 inclusive."),
        ("p", 0.01..=0.99, "p must be between 0.01 and 0.99 inclusive."),
    ];
    for (name, range, problem) in ranges {
        if let Some(number) = fields.read_number(name)?
            && !range.contains(&number)
        {
            return Err(ApiError::invalid_request(problem));
        }
    }
    if fields.read_number("frequency_penalty")? > Some(0.0)
        && fields.read_number("presence_penalty")? > Some(0.0)
    {
        return Err(ApiError::invalid_request(
            "cannot specify both frequency_penalty and presence_penalty.",
        ));
    }
    match fields.value("safety_mode") {
        Some(mode) if !is_safety_mode(mode) => Err(ApiError::bad_request(format!(
            "unrecognized safety mode '{}'. For proper usage, please refer to \
             https://docs.cohere.com/reference/chat",
            mode.as_str().unwrap_or_default()
        ))),
        _ => Ok(()),
    }
}

fn is_safety_mode(mode: &Value) -> bool {
    match mode {
        Value::String(name) => {
            matches!(name.as_str(), "CONTEXTUAL" | "STRICT" | "NONE" | "OFF")
        }
        Value::Bool(on) => !on,
        _ => false,
    }
}
