//! The secrets of one run, as tests and the stack change them and the operations find them.

use super::store::{CURRENT, Store};
use crate::lambda::Function;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use uuid::Uuid;

/// The secrets of one run; clones share them.
#[derive(Clone)]
pub struct SecretsManager {
    pub(super) access_key: String,
    state: Arc<Mutex<SecretsState>>,
}

#[derive(Default)]
pub(super) struct SecretsState {
    pub(super) store: Store,
    /// Which function rotates a secret.
    pub(super) functions: BTreeMap<String, Arc<Function>>,
    pub(super) behaviour: Behaviour,
    pub(super) reads: usize,
}

/// What happens to every request.
#[derive(Debug, Clone, Copy, Default)]
pub enum Behaviour {
    #[default]
    Normal,
    /// Answers after this long.
    Slow(Duration),
    /// Answers 500 `InternalServiceError`.
    Failing,
    /// Answers 400 `AccessDeniedException`.
    Denying,
    /// Answers 400 `ThrottlingException`.
    Throttling,
    /// Answers without the last character, so that the JSON cannot be read.
    Garbled,
}

impl SecretsManager {
    /// Without any secret, for requests signed with this access key.
    pub fn new(access_key: &str) -> Self {
        SecretsManager { access_key: access_key.to_owned(), state: Arc::default() }
    }

    /// Makes a secret without a value, as the template does.
    pub fn create(&self, name: &str) {
        self.lock_state().store.find_or_create(name);
    }

    /// Puts a value under `AWSCURRENT` as a new version and returns the version's id.
    pub fn put(&self, name: &str, value: &str) -> String {
        self.put_under(name, value, CURRENT)
    }

    /// Puts a value under a label, by the rules of AWS; returns the version's id.
    pub fn put_under(&self, name: &str, value: &str, label: &str) -> String {
        let version = Uuid::new_v4().to_string();
        // Refused only where the version's id is known already, and this one is new.
        let _ = self.lock_state().store.find_or_create(name).put_text(&version, value, &[label]);
        version
    }

    /// Begins a rotation and calls no step of it: a version without a value is pending from now on.
    pub fn begin_rotation(&self, name: &str, version: &str) {
        self.lock_state().store.find_or_create(name).begin_rotation(version);
    }

    /// Lets the current version of a secret be as old as this.
    pub fn age(&self, name: &str, age: Duration) {
        self.lock_state().store.find_or_create(name).age_current(age);
    }

    /// Removes a secret: from now on it does not exist.
    pub fn remove(&self, name: &str) {
        self.lock_state().store.remove(name);
    }

    /// Returns the text under `AWSCURRENT`.
    pub fn current(&self, name: &str) -> Option<String> {
        self.lock_state().store.find(name).ok()?.text_under(CURRENT).map(str::to_owned)
    }

    /// Returns the labels of a version; none where there is no such version.
    pub fn labels(&self, name: &str, version: &str) -> BTreeSet<String> {
        self.lock_state()
            .store
            .find(name)
            .map(|secret| secret.labels_of(version))
            .unwrap_or_default()
    }

    /// Changes what happens to every request from now on.
    pub fn behave(&self, behaviour: Behaviour) {
        self.lock_state().behaviour = behaviour;
    }

    /// How many requests to read a secret came so far, answered or refused.
    pub fn reads(&self) -> usize {
        self.lock_state().reads
    }

    pub(super) fn lock_state(&self) -> MutexGuard<'_, SecretsState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
