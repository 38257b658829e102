//! Runs a target: makes inputs from a seed, tries each, and keeps the one that fails.

use crate::generate::generate_json;
use crate::mutate::mutate;
use fastrand::Rng;
use gateway_tests::skips::print_line;
use gateway_tests::source_files::ROOT;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const DEFAULT_SEED: u64 = 20_260_820;
const DEFAULT_SECS: u64 = 1;
/// Longest input; longer ones are cut.
const MAX_BYTES: usize = 16 << 10;
/// Most inputs that are mutated further; the corpus is always among them.
const MAX_POOL: usize = 512;
/// Longest of those inputs: without a bound all would grow, and few be tried.
const MAX_POOL_BYTES: usize = 2 << 10;
/// Most time an input of this size may take, on a machine that does other things too.
const MAX_TIME: Duration = Duration::from_secs(10);

/// What a target made of an input that broke no promise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Verdict {
    Accepted,
    Refused,
}

impl From<bool> for Verdict {
    fn from(is_accepted: bool) -> Self {
        if is_accepted { Verdict::Accepted } else { Verdict::Refused }
    }
}

/// Tries inputs until the time is over. `check` must depend on its input alone, and panics where a
/// promise is broken.
pub(crate) fn run(target: &str, check: impl Fn(&[u8]) -> Verdict) {
    if let Some(path) = std::env::var_os("FUZZ_INPUT") {
        // A relative path is one of the repository, wherever Cargo runs this.
        let input = std::fs::read(Path::new(ROOT).join(path)).expect("FUZZ_INPUT is readable");
        print_line(&format!("fuzz {target}: the input is {:?}", check(&input)));
        return;
    }
    let seed = read_number("FUZZ_SEED").unwrap_or(DEFAULT_SEED);
    let end =
        Instant::now() + Duration::from_secs(read_number("FUZZ_SECS").unwrap_or(DEFAULT_SECS));
    let mut rng = Rng::with_seed(seed ^ hash(target));
    let corpus = read_corpus(target);
    let mut pool = corpus.clone();
    let (mut tried, mut accepted) = (0u64, 0u64);
    while tried < corpus.len() as u64 || Instant::now() < end {
        let input = match corpus.get(tried as usize) {
            Some(input) => input.clone(),
            None => make_input(&pool, &mut rng),
        };
        let verdict = try_input(target, seed, &input, &check);
        tried += 1;
        if verdict == Verdict::Accepted {
            accepted += 1;
            remember(&mut pool, corpus.len(), input, &mut rng);
        }
    }
    print_line(&format!("fuzz {target}: {tried} inputs, {accepted} accepted, seed {seed}"));
    assert!(accepted > 0, "{target}: no input was accepted, so that nothing was tested");
}

/// Tries one input; one that fails is written to a file.
fn try_input(target: &str, seed: u64, input: &[u8], check: impl Fn(&[u8]) -> Verdict) -> Verdict {
    let began = Instant::now();
    let judged = catch_unwind(AssertUnwindSafe(|| check(input)));
    let took = began.elapsed();
    let is_slow = took > MAX_TIME;
    if judged.is_err() || is_slow {
        let path = keep_input(target, input);
        let what = if is_slow { format!("took {took:?}") } else { "failed".into() };
        print_line(&format!("fuzz {target}: {} {what}, seed {seed}", path.display()));
    }
    assert!(!is_slow, "{target}: an input took {took:?}");
    judged.unwrap_or_else(|panic| resume_unwind(panic))
}

fn make_input(pool: &[Vec<u8>], rng: &mut Rng) -> Vec<u8> {
    let mut input = match rng.u8(..10) {
        0 => generate_json(rng).into_bytes(),
        _ => pool[rng.usize(..pool.len())].clone(),
    };
    let other = &pool[rng.usize(..pool.len())];
    // Most inputs differ little from one that is taken: one that is all noise is refused at once.
    for _ in 0..=rng.usize(..4) * rng.usize(..3) {
        mutate(&mut input, other, rng);
        input.truncate(MAX_BYTES);
    }
    input
}

/// Keeps an accepted input to mutate it further, in place of an older one.
fn remember(pool: &mut Vec<Vec<u8>>, corpus: usize, input: Vec<u8>, rng: &mut Rng) {
    if input.len() > MAX_POOL_BYTES {
        return;
    }
    if pool.len() < MAX_POOL {
        pool.push(input);
    } else {
        pool[rng.usize(corpus..MAX_POOL)] = input;
    }
}

fn read_corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(ROOT).join("tests/fuzz/corpus").join(target);
    let files = std::fs::read_dir(&folder).expect("a folder of the corpus").flatten();
    let mut paths: Vec<_> = files.map(|file| file.path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} is empty", folder.display());
    paths.iter().map(|path| std::fs::read(path).expect("a readable file")).collect()
}

fn keep_input(target: &str, input: &[u8]) -> PathBuf {
    let folder = Path::new(ROOT).join("target/fuzz");
    std::fs::create_dir_all(&folder).expect("a folder for inputs that fail");
    let folder = folder.canonicalize().expect("a folder");
    let path = folder.join(format!("{target}-{:016x}", hash(input)));
    std::fs::write(&path, input).expect("the input is written");
    path
}

fn read_number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} must be a whole number, got {text:?}")))
}

/// Hashes alike in every run.
pub(crate) fn hash(of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

/// Returns random choices that depend on the input alone.
pub(crate) fn choices_of(input: &[u8]) -> Rng {
    Rng::with_seed(hash(input))
}
