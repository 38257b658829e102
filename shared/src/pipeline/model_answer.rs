//! What one model is asked, and the answer it gives: the request whole, whatever calls it takes.

use super::request::GatewayRequest;
use crate::app::App;
use crate::cohere::client::Call;
use crate::cohere::models::{Lifetime, find_model};
use crate::error::{GatewayError, Result};
use crate::record::RequestRecord;
use crate::wire::UpstreamRequest;

/// Why a model is called, which decides how often.
#[derive(Clone, Copy)]
pub(super) enum ModelRole<'a> {
    /// It is the model that was asked for; this tells whether another can answer in its place.
    Primary { has_fallback: &'a (dyn Fn() -> bool + Sync) },
    /// It stands in for the requested one, which has failed so.
    Fallback(&'a GatewayError),
}

impl ModelRole<'_> {
    /// Tells whether another model can answer if this one does not.
    pub(super) fn has_fallback(&self) -> bool {
        matches!(self, ModelRole::Primary { has_fallback } if has_fallback())
    }
}

/// A request for one model.
pub(super) struct ModelRequest<'a> {
    pub(super) app: &'static App,
    pub(super) request: &'a GatewayRequest,
    /// What this model is sent.
    pub(super) upstream: &'a UpstreamRequest,
    pub(super) role: ModelRole<'a>,
}

impl ModelRequest<'_> {
    /// Returns Cohere's `priority` of the parts of this request; `None` where they keep the caller's, or the model
    /// is not known to take one.
    pub(super) fn part_priority(&self) -> Option<u32> {
        let priority = self.app.config.rates.bulk_priority;
        let knows_it = find_model(&self.upstream.model)
            .is_some_and(|model| matches!(model.lifetime, Lifetime::Active));
        let is_set = priority > 0 && knows_it && !self.upstream.object.has("priority");
        if is_set { Some(priority) } else { None }
    }

    /// Returns the call that sends the request as it is.
    pub(super) fn whole_call(&self) -> Call {
        self.request.call_for(self.upstream)
    }
}

/// The answer of a whole request of endpoint `E`, given by one model.
pub(super) trait ModelAnswer<E>: Sized + Send {
    /// Asks the model.
    ///
    /// # Errors
    /// The failure that the caller is told, if no other model answers.
    fn answer(
        request: &ModelRequest<'_>,
        record: &mut RequestRecord,
    ) -> impl Future<Output = Result<Self>> + Send;
}
