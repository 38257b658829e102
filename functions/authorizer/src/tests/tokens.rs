//! A hundred thousand headers that are nearly right: random tokens, and every kind of damage to real ones.

use super::*;
use fastrand::Rng;
use regex_lite::Regex;

const HEADERS: usize = 100_000;
const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];
const TOKEN_CHARS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
const BLANKS: [&str; 10] =
    [" ", "\t", "\n", "\r\n", "\0", "\u{b}", "\u{a0}", "\u{2003}", "\u{feff}", "%20"];

fn random(rng: &mut Rng, length: usize) -> String {
    (0..length).map(|_| char::from(TOKEN_CHARS[rng.usize(..TOKEN_CHARS.len())])).collect()
}

/// Does one kind of damage to a token; `other` is another client's.
fn damaged(rng: &mut Rng, token: &str, other: &str) -> String {
    let at = rng.usize(..token.len());
    let mut bytes = token.as_bytes().to_vec();
    match rng.u8(..16) {
        0 => bytes[at] ^= 1 << rng.u8(..8),
        1 => bytes.truncate(at),
        2 => drop(bytes.drain(..at)),
        3 => drop(bytes.remove(at)),
        4 => bytes.insert(at, TOKEN_CHARS[rng.usize(..TOKEN_CHARS.len())]),
        5 => bytes[at] = rng.u8(..),
        6 => bytes[at] ^= 0x20,
        7 => return [token, &random(rng, 1 + at)].concat(),
        8 => return [&random(rng, 1 + at), token].concat(),
        9 => {
            let blank = BLANKS[rng.usize(..BLANKS.len())];
            return [&token[..at], blank, &token[at..]].concat();
        }
        10 => return [&token[..at], &other[at..]].concat(),
        11 => {
            return [token, rng.choice([",", ", ", ";", " ", "&", "\n"]).unwrap_or(","), other]
                .concat();
        }
        12 => return hash(token),
        13 => return format!("cgw_{}", hash(token)),
        14 => return token.to_uppercase(),
        _ => {
            let length = 20 + rng.usize(..120);
            return format!("cgw_{}", random(rng, length));
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Puts a token into a header, not always into the right one.
fn header(rng: &mut Rng, token: &str) -> String {
    match rng.u8(..12) {
        0 => token.to_string(),
        1 => format!("Basic {token}"),
        2 => format!("Bearer{token}"),
        3 => format!("Bearer\t{token}"),
        4 => format!("Bearer {token} "),
        5 => format!(" Bearer {token}"),
        6 => format!("Bearer Bearer {token}"),
        7 => format!("bearer  {token}"),
        8 => format!("Bearer \"{token}\""),
        _ => format!("Bearer {token}"),
    }
}

#[tokio::test]
async fn damaged_tokens_are_never_allowed() {
    let template = include_str!("../../../../template.yaml");
    let expression =
        template.split("ValidationExpression: '").nth(1).unwrap().split('\'').next().unwrap();
    let expression = Regex::new(expression).unwrap();
    let (authorizer, _) = authorizer(list(&NAMES));
    let good: HashSet<_> = NAMES.iter().map(|name| token(name)).collect();
    let is_good = |header: &str| {
        let token = header.split(' ').nth(1).unwrap_or_default();
        expression.is_match(header) && good.contains(token)
    };
    let mut rng = Rng::with_seed(20_261_121);
    let (mut refused, mut allowed) = (0, 0);
    let fixed = [
        "",
        " ",
        "Bearer",
        "Bearer ",
        "Bearer cgw_",
        "null",
        "undefined",
        "*",
        "Bearer *",
        "\u{0}",
    ];
    let fixed = fixed.iter().map(|header| header.to_string());
    let mut fixed = fixed.chain(NAMES.iter().map(|name| format!("Bearer {}", hash(&token(name)))));
    while refused < HEADERS {
        let header = fixed.next().unwrap_or_else(|| {
            let name = NAMES[rng.usize(..NAMES.len())];
            let other = NAMES[rng.usize(..NAMES.len())];
            let token = match rng.u8(..20) {
                // Whole, so that the header alone must be wrong.
                0 => token(name),
                _ => damaged(&mut rng, &token(name), &token(other)),
            };
            header(&mut rng, &token)
        });
        let admitted = admitted(&authorizer, &header).await;
        assert_eq!(admitted.is_some(), is_good(&header), "{header:?}");
        if admitted.is_some() { allowed += 1 } else { refused += 1 }
    }
    // What came out whole again shows that the test would see an open door.
    assert!(allowed > 1_000, "only {allowed}");
}
