//! `GET /v1/models` and its twin in OpenAI's form: the lists of models, without those that a client may not use.

use crate::wire::scan::{find_elements, find_top_level};
use crate::wire::text::decode_text;
use bytes::Bytes;
use std::ops::Range;

/// The fields that hold a list: Cohere's, and OpenAI's.
const LISTS: [&str; 2] = ["models", "data"];
/// The fields that name a model.
const NAMES: [&str; 2] = ["name", "id"];

/// A list without the models that may not be used.
#[derive(Debug, PartialEq)]
pub struct FilteredList {
    pub body: Bytes,
    /// Models that were left.
    pub kept: usize,
    /// Models that were taken out.
    pub removed: usize,
}

/// Takes out the models for which `may_use` is false; `None` where the text is no list.
pub fn filter_models(body: &Bytes, may_use: impl Fn(&str) -> bool) -> Option<FilteredList> {
    let lists = find_top_level(body, LISTS)?;
    let list = lists.into_iter().flatten().find(|list| list.starts_with(b"["))?;
    let elements = find_elements(list);
    let is_kept = |element: &&Range<usize>| match read_name(&list[(*element).clone()]) {
        Some(name) => may_use(&name),
        None => false,
    };
    let kept: Vec<_> = elements.iter().filter(is_kept).map(|span| &list[span.clone()]).collect();
    let (kept_count, removed) = (kept.len(), elements.len() - kept.len());
    if removed == 0 {
        return Some(FilteredList { body: body.clone(), kept: kept_count, removed });
    }
    let start = list.as_ptr() as usize - body.as_ptr() as usize;
    let (before, after) = (&body[..start], &body[start + list.len()..]);
    let filtered = [before, b"[", &kept.join(&b","[..]), b"]", after].concat();
    Some(FilteredList { body: filtered.into(), kept: kept_count, removed })
}

fn read_name(model: &[u8]) -> Option<String> {
    let names = find_top_level(model, NAMES)?;
    names.into_iter().flatten().find_map(decode_text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_keeps_what_may_be_used_as_it_is_written() {
        let list = Bytes::from_static(
            br#"{"models": [ {"name":"a","x":1.50}, {"name":"b"} ,{"id":"c"}],"next_page_token":"t"}"#,
        );
        let filtered = filter_models(&list, |model| model != "b").unwrap();
        assert_eq!((filtered.kept, filtered.removed), (2, 1));
        let expected = r#"{"models": [{"name":"a","x":1.50},{"id":"c"}],"next_page_token":"t"}"#;
        assert_eq!(filtered.body, expected);
        assert_eq!(filter_models(&list, |_| true).unwrap().body, list);
        assert_eq!(filter_models(&list, |_| false).unwrap().kept, 0);
        let other = Bytes::from_static(br#"{"object":"list","data":[{"id":"a","name":7}]}"#);
        assert_eq!(filter_models(&other, |model| model == "a").unwrap().kept, 1);
    }

    #[test]
    fn nameless_model_is_nobodys_and_no_list_is_none() {
        let nameless = Bytes::from_static(br#"{"models":[{},7]}"#);
        let filtered = filter_models(&nameless, |_| true).unwrap();
        assert_eq!((filtered.body, filtered.removed), (Bytes::from(r#"{"models":[]}"#), 2));
        for none in [&b"{}"[..], b"[]", b"{\"models\":7}", b"<html>"] {
            assert_eq!(filter_models(&Bytes::copy_from_slice(none), |_| true), None);
        }
    }
}
