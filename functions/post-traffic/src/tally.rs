//! What the pairs of calls so far say of the new version.

use shared::rollout::judge::Judgement;

/// So many answers that are worse are no chance.
const MISMATCHES: usize = 3;
/// So many failures of the new version alone, where they are most of the pairs.
const ONLY_NEW_FAILED: usize = 5;

/// Counts pairs. Scope: invocation.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pairs: usize,
    mismatches: usize,
    only_new_failed: usize,
    last_problem: String,
}

impl Tally {
    pub(crate) fn pairs(&self) -> usize {
        self.pairs
    }

    pub(crate) fn add(&mut self, kind: &str, judgement: &Judgement) {
        self.pairs += 1;
        let problem = match judgement {
            Judgement::Agrees | Judgement::NotComparable(_) => return,
            Judgement::Worse(problem) | Judgement::Doubtful(problem) => {
                self.mismatches += 1;
                problem
            }
            Judgement::OnlyNewFailed(problem) => {
                self.only_new_failed += 1;
                problem
            }
        };
        self.last_problem = format!("{kind}: {problem}");
    }

    /// Says what is wrong, once it is more than chance.
    pub(crate) fn find_problem(&self) -> Option<&str> {
        let is_worse = self.mismatches >= MISMATCHES;
        let fails_alone =
            self.only_new_failed >= ONLY_NEW_FAILED && self.only_new_failed * 2 > self.pairs;
        if is_worse || fails_alone { Some(&self.last_problem) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(judgements: &[(Judgement, usize)]) -> Option<String> {
        let mut tally = Tally::default();
        for (judgement, times) in judgements {
            (0..*times).for_each(|_| tally.add("chat", judgement));
        }
        tally.find_problem().map(str::to_string)
    }

    #[test]
    fn three_mismatches_are_no_chance() {
        let worse = Judgement::Worse("it crashes".to_string());
        let agrees = Judgement::Agrees;
        assert_eq!(count(&[(agrees.clone(), 20), (worse.clone(), 2)]), None);
        assert_eq!(count(&[(agrees, 20), (worse, 3)]).as_deref(), Some("chat: it crashes"));
    }

    #[test]
    fn failing_cohere_is_held_against_nobody() {
        let alone = Judgement::OnlyNewFailed("503 circuit_open".to_string());
        let both = Judgement::NotComparable("503 circuit_open".to_string());
        assert_eq!(count(&[(both, 100)]), None);
        assert_eq!(
            count(&[(Judgement::Agrees, 6), (alone.clone(), 6)]),
            None,
            "half may be chance"
        );
        assert_eq!(count(&[(alone.clone(), 4)]), None);
        assert_eq!(count(&[(alone, 5)]).as_deref(), Some("chat: 503 circuit_open"));
    }
}
