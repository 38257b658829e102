//! Rerank: the parts that memory holds are not asked for again, all results are sorted as one.

use super::split::{defect, in_its_part, json_id};
use crate::app::App;
use crate::batch::Part;
use crate::batch::rerank::{PartAnswer, RerankBatch, may_be_kept};
use crate::cache::access::Access;
use crate::cache::entry::{CacheEntry, Memory};
use crate::cache::key::{Base, Digest, Key};
use crate::clock::now;
use crate::cohere::classify;
use crate::cohere::client::{Call, CallStats};
use crate::error::Result;
use crate::pipeline::attempts::{Answered, Turn};
use crate::pipeline::fan_out;
use crate::pipeline::request::{GatewayRequest, Reply};
use crate::telemetry::request_log::{BatchStats, Billed};
use crate::wire::object::RequestObject;
use crate::wire::rerank::{self as wire, RerankAnswer};
use bytes::Bytes;

/// Answers a rerank request; what is kept of it are the answers of its parts.
pub(in crate::pipeline) async fn rerank(
    app: &'static App,
    asked: &GatewayRequest,
    call: &Call,
    turn: Turn<'_>,
    spent: &mut CallStats,
    batched: &mut BatchStats,
) -> Result<Reply> {
    let client = &asked.identity.client;
    let plan = Plan::new(&app.memory, client, asked.no_store, &call.request.body, wire::PER_CALL)?;
    let mut answers = plan.kept();
    let missing = plan.missing(&answers);
    *batched = plan.note(&missing);
    let calls = fan_out::run(app, call, turn, missing, spent, |part, answered| {
        if let Answered::Rerank(answer) = answered {
            plan.keep(part, answer);
        }
    });
    let failed = |failed: fan_out::FailedPart| in_its_part(plan.batch.describe(&failed.part), failed);
    let mut fresh = calls.await.map_err(failed)?.into_iter();
    let mut billed = Billed::default();
    for place in answers.iter_mut().filter(|answer| answer.is_none()) {
        let Some((_, Answered::Rerank(answer))) = fresh.next() else { return Err(defect()) };
        let search_units = answer.billed_units().search_units;
        billed += Billed { search_units, ..Billed::default() };
        *place = Some(PartAnswer { answer, from_memory: false });
    }
    let answers: Vec<_> = answers.into_iter().flatten().collect();
    let malformed = || classify::malformed("it has not one result, with index and score, for each document");
    let pieces = plan.batch.write(&answers, &json_id(asked)).ok_or_else(malformed)?;
    Ok(Reply::Whole(pieces, billed))
}

/// A rerank request, and what memory holds for it. Everything but the calls.
pub(super) struct Plan<'a> {
    pub(super) batch: RerankBatch,
    access: Access<'a>,
    base: Base,
}

impl<'a> Plan<'a> {
    pub(super) fn new(
        memory: &'a Memory,
        client: &'a str,
        no_store: bool,
        body: &Bytes,
        per_call: usize,
    ) -> Result<Self> {
        let is_plain = RequestObject::parse(body, &[])?.are_known(wire::KNOWN);
        let access = Access::new(memory, client, is_plain && !no_store);
        let batch = RerankBatch::read(body, per_call).ok_or_else(defect)?;
        Ok(Self { batch, access, base: Base::new([access.client, Some(b"rerank")]) })
    }

    /// Returns the key of a part; its body says everything that changes its answer, the model included.
    fn key(&self, part: &Part) -> Key {
        self.base.asking(Some(&part.body)).piece(Digest::of([]))
    }

    /// Returns what memory holds, part by part.
    pub(super) fn kept(&self) -> Vec<Option<PartAnswer>> {
        let kept = |part: &Part| match self.access.memory.get(&self.key(part), now())? {
            CacheEntry::Ranking(bytes) => RerankAnswer::parse(bytes),
            _ => None,
        };
        let kept = |part| Some(PartAnswer { answer: kept(part)?, from_memory: true });
        self.batch.parts().iter().map(|part| self.access.is_used().then(|| kept(part)).flatten()).collect()
    }

    pub(super) fn missing(&self, answers: &[Option<PartAnswer>]) -> Vec<Part> {
        let parts = self.batch.parts().iter().zip(answers);
        parts.filter(|(_, answer)| answer.is_none()).map(|(part, _)| part.clone()).collect()
    }

    pub(super) fn note(&self, missing: &[Part]) -> BatchStats {
        let documents = |parts: &[Part]| parts.iter().map(|part| part.elements.len()).sum::<usize>();
        let (all, misses) = (documents(self.batch.parts()), documents(missing));
        BatchStats { parts: missing.len(), ..self.access.note(all, all - misses, misses) }
    }

    pub(super) fn keep(&self, part: &Part, answer: &RerankAnswer) {
        if self.access.is_used() && may_be_kept(answer) {
            let copy = Bytes::copy_from_slice(&answer.bytes);
            self.access.memory.put(self.key(part), CacheEntry::Ranking(copy), now());
        }
    }
}
