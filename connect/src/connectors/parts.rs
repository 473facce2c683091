//! Positions that somebody sets, held against those that a source stores.

use serde_json::Value as Json;

use crate::source::{SourceOffset, SourcePartition};

/// Parts that an error names, at most.
const NAMED_MAX: usize = 3;

/// Whether a source reads a part.
pub(super) fn is_read(asked: &SourcePartition, parts: &[SourcePartition]) -> Result<(), String> {
    if parts.contains(asked) {
        return Ok(());
    }
    let mut named: Vec<String> = parts.iter().take(NAMED_MAX).map(text).collect();
    if parts.len() > NAMED_MAX {
        named.push(format!("{} more", parts.len() - NAMED_MAX));
    }
    Err(format!(
        "The partition {} is none that this connector reads as it is configured; it reads {}",
        text(asked),
        named.join(", ")
    ))
}

/// Whether an offset has what it must, and nothing but what is known, each as it has to be; `example` is one.
pub(super) fn is_whole(
    offset: &SourceOffset,
    required: &[&str],
    known: &[&str],
    is_so: impl Fn(&Json) -> bool,
    example: &str,
) -> Result<(), String> {
    let is_there = required.iter().all(|name| offset.contains_key(*name)) && !offset.is_empty();
    if is_there && offset.iter().all(|(name, value)| known.contains(&name.as_str()) && is_so(value)) {
        return Ok(());
    }
    Err(format!("The offset {} is none that this connector could go on from; one is {example}", text(offset)))
}

fn text(map: &SourcePartition) -> String {
    Json::Object(map.clone()).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Json) -> SourcePartition {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn who_names_a_part_that_is_not_read_is_told_what_is() {
        let parts: Vec<_> = (0..5).map(|table| map(json!({ "table": table }))).collect();
        assert_eq!(is_read(&parts[4], &parts), Ok(()));
        let why = is_read(&map(json!({"table": "5"})), &parts).unwrap_err();
        assert!(why.contains(r#"{"table":"5"} is none"#) && why.ends_with(r#"{"table":2}, 2 more"#), "{why}");
    }

    #[test]
    fn an_offset_has_what_is_known_and_something_of_it() {
        let check = |offset, required: &[&str]| {
            is_whole(&map(offset), required, &["a", "b"], Json::is_i64, r#"{"a":7}"#)
        };
        assert_eq!(check(json!({"a": 1}), &["a"]), Ok(()));
        assert_eq!(check(json!({"b": 1, "a": -1}), &["a"]), Ok(()));
        assert_eq!(check(json!({"b": 1}), &[]), Ok(()));
        assert!(check(json!({}), &[]).is_err());
        let wrong = [
            json!({}),
            json!({"b": 1}),
            json!({"a": "1"}),
            json!({"a": 1.5}),
            json!({"a": 1, "c": 1}),
            json!({"a": null}),
        ];
        for wrong in wrong {
            assert!(check(wrong.clone(), &["a"]).unwrap_err().ends_with(r#"one is {"a":7}"#), "{wrong}");
        }
    }
}
