//! List prices of Cohere's models, by billed unit.
//!
//! Source: litellm's price map of 2026-11, which agrees with vercel.com/ai-gateway, openrouter.ai and
//! developer.puter.com where those name a price (2026-06 to 2026-11); Cohere's changelog of 2024-08-30 for
//! command-r; of the deprecated chat models a list of 2026-05-04. A model without a row has no list price, which
//! is not the same as free: command-a-plus-05-2026 is sold by contract.

/// When the prices were looked up, in ISO 8601.
pub const AS_OF: &str = "2026-11";

/// Of one model: each unit with millionths of a US dollar for a million of it.
type Row = (&'static str, &'static [(&'static str, u64)]);

/// Millionths of a US dollar for a million units, of dollars for a million.
const fn usd(dollars: u64, millionths: u64) -> u64 {
    dollars * 1_000_000 + millionths
}

const fn tokens(input: u64, output: u64) -> [(&'static str, u64); 2] {
    [("input_tokens", input), ("output_tokens", output)]
}

const fn input(price: u64) -> [(&'static str, u64); 1] {
    [("input_tokens", price)]
}

/// Dollars for a thousand searches are a thousand times as many for a million.
const fn searches(usd_per_thousand: u64) -> [(&'static str, u64); 1] {
    [("search_units", usd_per_thousand * 1_000)]
}

pub const CATALOGUE: &[Row] = &[
    ("command-a-03-2025", &tokens(usd(2, 500_000), usd(10, 0))),
    ("command-r7b-12-2024", &tokens(usd(0, 37_500), usd(0, 150_000))),
    ("command-r-08-2024", &tokens(usd(0, 150_000), usd(0, 600_000))),
    ("command-r-plus-08-2024", &tokens(usd(2, 500_000), usd(10, 0))),
    ("c4ai-aya-expanse-32b", &tokens(usd(0, 500_000), usd(1, 500_000))),
    ("command-r-03-2024", &tokens(usd(0, 500_000), usd(1, 500_000))),
    ("command-r", &tokens(usd(0, 500_000), usd(1, 500_000))),
    ("command-r-plus-04-2024", &tokens(usd(3, 0), usd(15, 0))),
    ("command-r-plus", &tokens(usd(3, 0), usd(15, 0))),
    ("command-light", &tokens(usd(0, 300_000), usd(0, 600_000))),
    ("command", &tokens(usd(1, 0), usd(2, 0))),
    ("embed-v5.0-pro", &input(usd(0, 120_000))),
    ("embed-v5.0-fast", &input(usd(0, 80_000))),
    ("embed-v4.0", &[("input_tokens", usd(0, 120_000)), ("image_tokens", usd(0, 470_000))]),
    ("embed-english-v3.0", &input(usd(0, 100_000))),
    ("embed-english-light-v3.0", &input(usd(0, 100_000))),
    ("embed-multilingual-v3.0", &input(usd(0, 100_000))),
    ("embed-multilingual-light-v3.0", &input(usd(0, 100_000))),
    ("rerank-v5.0-pro", &input(usd(0, 50_000))),
    ("rerank-v5.0-fast", &input(usd(0, 20_000))),
    ("rerank-v4.0-pro", &searches(usd(2, 500_000))),
    ("rerank-v4.0-fast", &searches(usd(2, 0))),
    ("rerank-v3.5", &searches(usd(2, 0))),
    ("rerank-english-v3.0", &searches(usd(2, 0))),
    ("rerank-multilingual-v3.0", &searches(usd(2, 0))),
];
