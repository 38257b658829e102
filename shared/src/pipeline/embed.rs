//! Embed: each different input is looked up in the cache, the missing ones are asked for, and the
//! answer is written as one table.
//!
//! Each answer is cached as it comes, so that a request that fails in the end has still paid for its
//! sub-requests only once.

mod cache;
mod size;

use super::attempts::CallAnswer;
use super::endpoint_rules::{BatchAnswer, EndpointRules, find_requested, fits_context};
use super::fan_out::FanOut;
use super::model_answer::{ModelAnswer, ModelRequest};
use super::request::GatewayRequest;
use crate::app::App;
use crate::batch::SubRequest;
use crate::batch::embed::{EmbedBatch, Misfit, Table};
use crate::batch::read_usage;
use crate::cache::Cache;
use crate::cache::access::CacheAccess;
use crate::cohere::classify;
use crate::cohere::client::Call;
use crate::cohere::models::{Model, share_vector_space};
use crate::config::{Config, EndpointTimes, FallbackConfig, TimesConfig};
use crate::edge::request::Incoming;
use crate::edge::response::Body;
use crate::endpoint::Endpoint;
use crate::error::{GatewayError, Result};
use crate::record::{BatchStats, BilledUnits, CallStats, RequestRecord};
use crate::wire::UpstreamRequest;
use crate::wire::dialect::{AnswerForm, Dialect};
use crate::wire::embed::{self as wire, EmbedAnswer, EmbedRequest};
use crate::wire::object::RequestObject;
use bytes::Bytes;
use cache::EmbedCache;
use http::Response;
use size::{check_size, inputs_per_call, units_per_input};

/// Answers one request of the endpoint.
pub async fn handle(app: &'static App, request: Incoming) -> Response<Body> {
    super::handle::<Embed>(app, request).await
}

/// The rules of embed.
pub(super) struct Embed;

impl EndpointRules for Embed {
    const ENDPOINT: Endpoint = Endpoint::Embed;
    type Response = BatchAnswer;

    fn validate(body: Bytes, dialect: Dialect, config: &Config) -> Result<UpstreamRequest> {
        let request = EmbedRequest::parse(body)?;
        check_size(&request, &config.limits)?;
        Ok(request.into_upstream(dialect))
    }

    fn times(config: &TimesConfig, _: &UpstreamRequest) -> EndpointTimes {
        config.embed
    }

    fn falls_back_unasked(config: &FallbackConfig, model: &Model, object: &RequestObject) -> bool {
        config.embed || is_comparable(model, object)
    }

    fn can_answer(model: &Model, object: &RequestObject) -> bool {
        let Some(texts) = object.read_list("texts") else {
            // Images and mixed inputs have other limits in each generation of models.
            return is_comparable(model, object);
        };
        if !fits_context(texts.longest(), model, object) {
            return false;
        }
        match object.read_number("output_dimension") {
            // A model that makes one length takes no option for it.
            Some(length) => model.dimensions.len() > 1 && has_dimension(model, length),
            None => !object.has("output_dimension"),
        }
    }
}

/// Tells whether a model's vectors can be compared with those of the requested model.
fn is_comparable(model: &Model, object: &RequestObject) -> bool {
    match find_requested(object) {
        Some(requested) => share_vector_space(requested, model),
        None => false,
    }
}

fn has_dimension(model: &Model, length: f64) -> bool {
    model.dimensions.iter().any(|known| *known as f64 == length)
}

impl CallAnswer for EmbedAnswer {
    async fn fetch(app: &'static App, call: &Call, stats: &mut CallStats) -> Result<Self> {
        let body = app.cohere.call(call, stats).await?;
        let Some(answer) = EmbedAnswer::parse(body.clone()) else {
            stats.record_billed(&call.model, &BilledUnits::find_in(&body));
            return Err(classify::malformed_answer("the JSON is broken, or no embed answer"));
        };
        stats.upstream_id = answer.envelope.read_id(&answer.bytes);
        stats.record_billed(&call.model, &read_usage(&answer.bytes, &answer.envelope));
        if let Some(expected) = &call.expected_results {
            answer.check(expected).map_err(|wrong| classify::malformed_answer(&wrong))?;
        }
        Ok(answer)
    }
}

impl ModelAnswer<Embed> for BatchAnswer {
    async fn answer(request: &ModelRequest<'_>, record: &mut RequestRecord) -> Result<Self> {
        let ModelRequest { app, request: GatewayRequest { identity, options, .. }, .. } = request;
        let object = &request.upstream.object;
        let id = request.request.json_id();
        let form = &request.upstream.form;
        let plan = EmbedPlan::new(&app.cache, &identity.client, options.no_store, object)
            .with_form(form.clone());
        let (call, priority) = (request.whole_call(), request.part_priority());
        record.batch = BatchStats::default();
        let units_per_element = Some(units_per_input(&call.model, plan.batch.source()));
        let fan_out = FanOut {
            app,
            call: &call,
            batch: &plan.batch,
            role: request.role,
            priority,
            units_per_element,
        };
        // Boxed: a request's future is moved about until it is first polled, and this one is large.
        let answer = Box::pin(answer_plan(&plan, &fan_out, &id, record)).await?;
        if let Some(chunks) = answer {
            return Ok(BatchAnswer(chunks));
        }
        // The answer is made of the calls that follow, and so are the counts in its headers.
        record.calls.response_headers.clear();
        let plan =
            EmbedPlan::as_it_stands(&app.cache, &identity.client, object).with_form(form.clone());
        let fan_out = FanOut { batch: &plan.batch, ..fan_out };
        match Box::pin(answer_plan(&plan, &fan_out, &id, record)).await? {
            Some(chunks) => Ok(BatchAnswer(chunks)),
            None => Err(cannot_be_joined()),
        }
    }
}

/// Asks for what the cache lacks, and writes the answer.
///
/// `None` where Cohere's answers can be joined only if all inputs are asked for as they stand.
async fn answer_plan(
    plan: &EmbedPlan<'_>,
    fan_out: &FanOut<'_>,
    id: &[u8],
    record: &mut RequestRecord,
) -> Result<Option<Vec<Bytes>>> {
    let per_call = inputs_per_call(&fan_out.call.model, plan.batch.source());
    let mut table = plan.cached_table();
    let mut missing = table.missing_elements();
    let mut requested: Vec<usize> = Vec::new();
    let mut answers: Vec<(SubRequest, EmbedAnswer)> = Vec::new();
    loop {
        requested.extend_from_slice(&missing);
        let sub_requests = plan.batch.split_into(&missing, per_call);
        let sub_request_count = record.batch.sub_requests + sub_requests.len();
        record.batch =
            BatchStats { sub_requests: sub_request_count, ..plan.batch_stats(&requested) };
        let fetched = fan_out.fetch_all(sub_requests, &mut record.calls, |sub_request, answer| {
            plan.store_answer(sub_request, answer);
        });
        answers.extend(fetched.await?);
        match plan.write_answer(table, &answers, id)? {
            WrittenAnswer::Complete(chunks) => return Ok(Some(chunks)),
            WrittenAnswer::UnknownParts => return Ok(None),
            WrittenAnswer::Misfit(others) => {
                table = plan.empty_table();
                missing = others;
            }
        }
    }
}

fn cannot_be_joined() -> GatewayError {
    classify::malformed_answer("Cohere's answers to the calls of one request have several forms")
}

/// An embed request, and what the cache holds for it. Everything but the calls.
pub(super) struct EmbedPlan<'a> {
    pub(super) batch: EmbedBatch,
    access: CacheAccess<'a>,
    cache: Option<EmbedCache<'a>>,
}

/// What became of an answer that was to be written.
#[derive(Debug)]
pub(super) enum WrittenAnswer {
    Complete(Vec<Bytes>),
    /// Cohere's answers have another form than the cached ones; these elements are to be asked for too.
    Misfit(Vec<usize>),
    /// They hold something whose place among the inputs is not known.
    UnknownParts,
}

impl<'a> EmbedPlan<'a> {
    pub(super) fn new(
        cache: &'a Cache,
        client: &'a str,
        no_store: bool,
        object: &RequestObject,
    ) -> Self {
        // Mixed inputs and fields that are not known here are sent as they stand, and not cached.
        let is_plain = !object.has("inputs") && object.has_only(wire::KNOWN);
        if !is_plain {
            return Self::as_it_stands(cache, client, object);
        }
        let access = CacheAccess::new(cache, client, !no_store);
        let batch = EmbedBatch::new(object, true);
        if !access.is_used() {
            return Self { batch, access, cache: None };
        }
        let cached = EmbedCache::new(access, object, &batch);
        if cached.goes_as_it_stands() {
            return Self::as_it_stands(cache, client, object);
        }
        Self { batch, access, cache: Some(cached) }
    }

    /// Plans to send all inputs, whatever the cache holds and whichever are equal.
    pub(super) fn as_it_stands(cache: &'a Cache, client: &'a str, object: &RequestObject) -> Self {
        let access = CacheAccess::new(cache, client, false);
        Self { batch: EmbedBatch::new(object, false), access, cache: None }
    }

    /// Answers in this form.
    fn with_form(self, form: AnswerForm) -> Self {
        Self { batch: self.batch.with_form(form), ..self }
    }

    /// Returns the table with all rows that the cache holds.
    pub(super) fn cached_table(&self) -> Table<'_> {
        match &self.cache {
            Some(cache) => cache.fill_table(&self.batch),
            None => self.empty_table(),
        }
    }

    /// Returns a table with no rows.
    pub(super) fn empty_table(&self) -> Table<'_> {
        Table::new(&self.batch)
    }

    /// Returns the statistics of a request that asks Cohere for these elements.
    pub(super) fn batch_stats(&self, requested: &[usize]) -> BatchStats {
        let hits = self.batch.count_inputs_without(requested);
        self.access.batch_stats(self.batch.input_count(), hits, requested.len())
    }

    /// Puts a sub-request's answer into the cache.
    pub(super) fn store_answer(&self, sub_request: &SubRequest, answer: &EmbedAnswer) {
        if let Some(cache) = &self.cache {
            cache.store_answer(&self.batch, sub_request, answer);
        }
    }

    /// Adds Cohere's answers to the table and writes it.
    ///
    /// # Errors
    /// `upstream_malformed` where the answers have several forms.
    pub(super) fn write_answer(
        &self,
        mut table: Table<'_>,
        answers: &[(SubRequest, EmbedAnswer)],
        id: &[u8],
    ) -> Result<WrittenAnswer> {
        match table.add_answers(answers) {
            Ok(()) => {}
            Err(Misfit::UnknownParts) => {
                if let Some(cache) = &self.cache {
                    cache.note_as_it_stands();
                }
                return Ok(WrittenAnswer::UnknownParts);
            }
            Err(Misfit::OtherColumns) => {
                let others = self.elements_without_answer(answers);
                if others.is_empty() {
                    return Err(cannot_be_joined());
                }
                return Ok(WrittenAnswer::Misfit(others));
            }
        }
        table.write_answer(id).map(WrittenAnswer::Complete).ok_or_else(cannot_be_joined)
    }

    /// Returns the elements that were not asked for.
    fn elements_without_answer(&self, answers: &[(SubRequest, EmbedAnswer)]) -> Vec<usize> {
        let mut is_answered = vec![false; self.batch.elements().len()];
        for element in answers.iter().flat_map(|(sub_request, _)| &sub_request.elements) {
            is_answered[*element] = true;
        }
        (0..is_answered.len()).filter(|element| !is_answered[*element]).collect()
    }
}

#[cfg(test)]
mod tests;
