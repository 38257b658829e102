//! Whether a model's id is one that this release knows: a typing error would shut a client out.

use crate::problem::Usage;
use shared::cohere::models::{all_ids, find_model};

/// Most ids that are named as near.
const NEAR: usize = 3;

/// Refuses ids that are in no catalogue, unless somebody insists.
pub fn refuse_unknown(ids: &[String], is_meant: bool) -> Result<(), Usage> {
    let unknown = ids.iter().find(|id| find_model(id).is_none());
    let Some(id) = unknown.filter(|_| !is_meant) else { return Ok(()) };
    let mut near: Vec<_> = all_ids().collect();
    near.sort_by_key(|known| std::cmp::Reverse(count_common(known, id)));
    near.truncate(NEAR);
    // The id is not repeated: it may be anything.
    Err(Usage(format!(
        "a model of --models is not known to this release; near: {}. `ops models` lists what Cohere offers; \
         --unknown-models takes it all the same",
        near.join(", ")
    )))
}

/// Counts the letters with which both begin.
fn count_common(known: &str, id: &str) -> usize {
    known.bytes().zip(id.bytes()).take_while(|(one, other)| one == other).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_model_is_refused_with_near_ones() {
        let known = ["embed-v4.0".to_string(), "command-r".to_string()];
        assert!(refuse_unknown(&known, false).is_ok());
        let typo = ["embed-v4".to_string()];
        let told = refuse_unknown(&typo, false).unwrap_err().to_string();
        assert!(told.contains("near: embed-v4.0,"), "{told}");
        assert!(refuse_unknown(&typo, true).is_ok());
    }
}
