//! Rerank: the documents the cache knows are not asked for again, all results are sorted as one.
//!
//! Each answer is cached as it comes, so that a request that fails in the end has still paid for its
//! sub-requests only once.

use super::attempts::CallAnswer;
use super::endpoint_rules::{BatchAnswer, EndpointRules, fits_context};
use super::fan_out::FanOut;
use super::model_answer::{ModelAnswer, ModelRequest};
use super::request::GatewayRequest;
use crate::app::App;
use crate::batch::rerank::{RerankBatch, SubAnswer, is_cacheable};
use crate::batch::{Batch, SubRequest, read_usage};
use crate::cache::access::CacheAccess;
use crate::cache::key::{CacheKey, Digest, KeyPrefix};
use crate::cache::{Cache, CacheEntry};
use crate::clock::now;
use crate::cohere::classify;
use crate::cohere::client::Call;
use crate::cohere::models::Model;
use crate::config::{Config, EndpointTimes, FallbackConfig, TimesConfig};
use crate::edge::request::Incoming;
use crate::edge::response::Body;
use crate::endpoint::Endpoint;
use crate::error::Result;
use crate::record::{BatchStats, BilledUnits, CallStats, RequestRecord};
use crate::wire::UpstreamRequest;
use crate::wire::dialect::{AnswerForm, Dialect};
use crate::wire::object::RequestObject;
use crate::wire::rerank::{self as wire, RerankAnswer, RerankRequest};
use bytes::Bytes;
use http::Response;

/// Answers one request of the endpoint.
pub async fn handle(app: &'static App, request: Incoming) -> Response<Body> {
    super::handle::<Rerank>(app, request).await
}

/// The rules of rerank.
pub(super) struct Rerank;

impl EndpointRules for Rerank {
    const ENDPOINT: Endpoint = Endpoint::Rerank;
    type Response = BatchAnswer;

    fn validate(body: Bytes, dialect: Dialect, config: &Config) -> Result<UpstreamRequest> {
        let request = RerankRequest::parse(body, dialect)?;
        let model = request.model().unwrap_or_else(|| config.models.rerank.clone());
        Ok(request.into_upstream(model))
    }

    fn times(config: &TimesConfig, _: &UpstreamRequest) -> EndpointTimes {
        config.rerank
    }

    fn falls_back_unasked(config: &FallbackConfig, _: &Model, _: &RequestObject) -> bool {
        config.rerank
    }

    fn can_answer(model: &Model, object: &RequestObject) -> bool {
        if object.has("relevant_spans") && !model.takes_relevant_spans {
            return false;
        }
        match object.read_list("documents") {
            Some(documents) => fits_context(documents.longest(), model, object),
            None => false,
        }
    }
}

impl CallAnswer for RerankAnswer {
    async fn fetch(app: &'static App, call: &Call, stats: &mut CallStats) -> Result<Self> {
        let body = app.cohere.call(call, stats).await?;
        let Some(answer) = RerankAnswer::parse(body.clone()) else {
            stats.record_billed(&call.model, &BilledUnits::find_in(&body));
            return Err(classify::malformed_answer("the JSON is broken, or no rerank answer"));
        };
        stats.upstream_id = answer.envelope.read_id(&answer.bytes);
        stats.record_billed(&call.model, &read_usage(&answer.bytes, &answer.envelope));
        if let Some(expected) = &call.expected_results {
            answer.check(expected).map_err(|wrong| classify::malformed_answer(&wrong))?;
        }
        Ok(answer)
    }
}

impl ModelAnswer<Rerank> for BatchAnswer {
    async fn answer(request: &ModelRequest<'_>, record: &mut RequestRecord) -> Result<Self> {
        let ModelRequest { app, request: GatewayRequest { identity, options, .. }, .. } = request;
        let object = &request.upstream.object;
        let (client, per_call) = (&identity.client, wire::PER_CALL);
        let plan = RerankPlan::new(&app.cache, client, options.no_store, object, per_call)
            .with_form(request.upstream.form.clone());
        let call = request.whole_call();
        let fan_out = FanOut {
            app,
            call: &call,
            batch: &plan.batch,
            role: request.role,
            priority: request.part_priority(),
            units_per_element: None,
        };
        // Boxed: a request's future is moved about until it is first polled, and this one is large.
        Box::pin(answer_plan(&plan, &fan_out, &request.request.json_id(), record))
            .await
            .map(BatchAnswer)
    }
}

/// Asks for what the cache lacks, and writes the answer.
async fn answer_plan(
    plan: &RerankPlan<'_>,
    fan_out: &FanOut<'_>,
    id: &[u8],
    record: &mut RequestRecord,
) -> Result<Vec<Bytes>> {
    let mut answers = plan.cached_answers();
    let mut requested = plan.missing_sub_requests(&answers);
    record.batch = plan.batch_stats(&requested);
    plan.fetch(fan_out, &requested, &mut answers, record).await?;
    let outdated = plan.outdated_sub_requests(&answers);
    if !outdated.is_empty() {
        requested.extend_from_slice(&outdated);
        record.batch = plan.batch_stats(&requested);
        plan.fetch(fan_out, &outdated, &mut answers, record).await?;
    }
    let answers: Vec<SubAnswer> = answers.into_iter().flatten().collect();
    let written = plan.batch.write_answer(&answers, id);
    written.ok_or_else(|| classify::malformed_answer("a result is about no document"))
}

/// A rerank request, and what the cache holds for it. Everything but the calls.
pub(super) struct RerankPlan<'a> {
    pub(super) batch: RerankBatch,
    access: CacheAccess<'a>,
    /// The cache key of each sub-request; none where the cache is not used.
    keys: Vec<CacheKey>,
}

impl<'a> RerankPlan<'a> {
    pub(super) fn new(
        cache: &'a Cache,
        client: &'a str,
        no_store: bool,
        object: &RequestObject,
        per_call: usize,
    ) -> Self {
        let is_plain = object.has_only(wire::KNOWN);
        let access = CacheAccess::new(cache, client, is_plain && !no_store);
        let batch = RerankBatch::new(object, per_call);
        let mut keys = Vec::new();
        if access.is_used() {
            let prefix = KeyPrefix::new([access.client, Some(b"rerank")]);
            for sub_request in batch.sub_requests() {
                // Its body says all that changes its answer, the model included.
                let digest = prefix.with_input(Some(&batch.write_body(sub_request)));
                keys.push(digest.key_of(Digest::new([])));
            }
        }
        Self { batch, access, keys }
    }

    /// Answers in this form.
    fn with_form(self, form: AnswerForm) -> Self {
        Self { batch: self.batch.with_form(form), ..self }
    }

    /// Returns the number of a sub-request among all of them.
    fn number_of(&self, sub_request: &SubRequest) -> Option<usize> {
        let first = sub_request.elements.first();
        self.batch.sub_requests().iter().position(|known| known.elements.first() == first)
    }

    /// Returns the key of a sub-request, where the cache is used.
    fn cache_key(&self, sub_request: &SubRequest) -> Option<&CacheKey> {
        self.keys.get(self.number_of(sub_request)?)
    }

    /// Returns what the cache holds, by sub-request.
    pub(super) fn cached_answers(&self) -> Vec<Option<SubAnswer>> {
        self.batch.sub_requests().iter().map(|sub_request| self.find_answer(sub_request)).collect()
    }

    fn find_answer(&self, sub_request: &SubRequest) -> Option<SubAnswer> {
        match self.access.cache.get(self.cache_key(sub_request)?, now())? {
            CacheEntry::Answer(bytes) => {
                Some(SubAnswer { answer: RerankAnswer::parse(bytes)?, is_cached: true })
            }
            _ => None,
        }
    }

    /// Returns the sub-requests without an answer.
    pub(super) fn missing_sub_requests(&self, answers: &[Option<SubAnswer>]) -> Vec<SubRequest> {
        let sub_requests = self.batch.sub_requests().iter().zip(answers);
        let missing = sub_requests.filter(|(_, answer)| answer.is_none());
        missing.map(|(sub_request, _)| sub_request.clone()).collect()
    }

    /// Returns the sub-requests whose cached answers lack what Cohere says about documents by now.
    pub(super) fn outdated_sub_requests(&self, answers: &[Option<SubAnswer>]) -> Vec<SubRequest> {
        let has_news = answers.iter().flatten().any(|sub| !sub.answer.envelope.is_known);
        let sub_requests = self.batch.sub_requests().iter().zip(answers);
        let cached = sub_requests.filter(|(_, answer)| match answer {
            Some(sub) => has_news && sub.is_cached,
            None => false,
        });
        cached.map(|(sub_request, _)| sub_request.clone()).collect()
    }

    /// Makes the calls of some sub-requests and puts their answers in place.
    async fn fetch(
        &self,
        fan_out: &FanOut<'_>,
        sub_requests: &[SubRequest],
        answers: &mut [Option<SubAnswer>],
        record: &mut RequestRecord,
    ) -> Result<()> {
        let calls = &mut record.calls;
        let fetched = fan_out.fetch_all(sub_requests.to_vec(), calls, |sub_request, answer| {
            self.store_answer(sub_request, answer);
        });
        for (sub_request, answer) in fetched.await? {
            if let Some(number) = self.number_of(&sub_request) {
                answers[number] = Some(SubAnswer { answer, is_cached: false });
            }
        }
        Ok(())
    }

    /// Returns the statistics of a request that makes these sub-requests.
    pub(super) fn batch_stats(&self, missing: &[SubRequest]) -> BatchStats {
        let documents = self.batch.document_count();
        let misses: usize = missing.iter().map(|sub_request| sub_request.elements.len()).sum();
        let sub_requests = missing.len();
        BatchStats {
            sub_requests,
            ..self.access.batch_stats(documents, documents - misses, misses)
        }
    }

    /// Puts a sub-request's answer into the cache.
    pub(super) fn store_answer(&self, sub_request: &SubRequest, answer: &RerankAnswer) {
        if let Some(key) = self.cache_key(sub_request)
            && is_cacheable(answer)
        {
            // A copy: a slice could hold a larger buffer in memory.
            let ranking = CacheEntry::Answer(Bytes::copy_from_slice(&answer.bytes));
            self.access.cache.put(*key, ranking, now());
        }
    }
}
