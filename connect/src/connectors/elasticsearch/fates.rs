//! What became of the operations of a bulk request, as the server answers it.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::operation::{OnConflict, Operation};
use crate::http::requests::Fate;

/// What most answers are: nothing went wrong, so that it matters only of how many documents they speak, if they speak of any.
#[derive(Deserialize)]
struct Brief {
    errors: bool,
    items: Option<Vec<IgnoredAny>>,
}

#[derive(Deserialize)]
struct Answer {
    items: Vec<Item>,
}

/// One of these is there, named by the verb.
#[derive(Deserialize)]
struct Item {
    #[serde(alias = "create", alias = "update", alias = "delete")]
    index: ItemResult,
}

#[derive(Deserialize)]
struct ItemResult {
    status: u16,
    error: Option<ItemError>,
}

#[derive(Deserialize)]
struct ItemError {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    reason: String,
    caused_by: Option<Cause>,
}

#[derive(Deserialize)]
struct Cause {
    #[serde(default)]
    reason: String,
}

/// The fates of the operations of a request, in order; `None`: it is not said with which of them something is wrong. An answer
/// that speaks of some of them only speaks of none.
pub(super) fn fates(body: &[u8], operations: &[&Operation]) -> Result<Option<Vec<Fate>>, String> {
    let is_all = |items: &Vec<IgnoredAny>| items.len() == operations.len();
    match serde_json::from_slice(body) {
        Ok(Brief { errors: false, items }) if items.as_ref().is_none_or(is_all) => {
            return Ok(Some(vec![Fate::Done; operations.len()]));
        }
        Ok(Brief { errors: true, items: None }) => return Ok(None),
        _ => {}
    }
    let answer: Answer = serde_json::from_slice(body)
        .map_err(|error| format!("the server's answer is no answer to a bulk request: {error}"))?;
    if answer.items.len() != operations.len() {
        let (said, sent) = (answer.items.len(), operations.len());
        return Err(format!("the server's answer speaks of {said} of {sent} documents"));
    }
    let fates = answer.items.into_iter().zip(operations).map(|(item, operation)| item.index.fate(operation));
    Ok(Some(fates.collect()))
}

impl ItemResult {
    fn fate(self, operation: &Operation) -> Fate {
        let kind = self.error.as_ref().map_or("", |error| &error.kind);
        match self.status {
            200..=299 => Fate::Done,
            404 if operation.is_delete => Fate::Done,
            409 if operation.on_conflict == OnConflict::Replayed => Fate::Replayed,
            429 | 503 => Fate::Away(self.why()),
            409 | 500..=599 => Fate::Again(self.why()),
            // The index is read-only while a disk is full, or is gone: nothing is wrong with the document.
            _ if matches!(kind, "cluster_block_exception" | "index_not_found_exception") => {
                Fate::Away(self.why())
            }
            _ => Fate::Refused(self.why()),
        }
    }

    fn why(self) -> String {
        let Some(error) = self.error else { return format!("status {}", self.status) };
        let mut why = format!("{}: {}", error.kind, error.reason);
        if let Some(cause) = error.caused_by.filter(|cause| !cause.reason.is_empty()) {
            why = format!("{why}: {}", cause.reason);
        }
        why
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(on_conflict: OnConflict, is_delete: bool) -> Operation {
        Operation { lines: 0..0, lane: None, on_conflict, is_delete }
    }

    // The items are what OpenSearch 2.19 answered.
    #[test]
    fn each_item_has_its_own_fate() {
        let body = br#"{"took":1,"errors":true,"items":[
            {"index":{"_index":"a","_id":"1","_version":1,"result":"created","status":201}},
            {"index":{"_index":"a","_id":"2","status":400,"error":{"type":"mapper_parsing_exception","reason":"failed to parse field [x]","caused_by":{"type":"illegal_argument_exception","reason":"For input string: \"abc\""}}}},
            {"index":{"status":409,"error":{"type":"version_conflict_engine_exception","reason":"[3]: version conflict"}}},
            {"update":{"status":409,"error":{"type":"version_conflict_engine_exception","reason":"[3]: version conflict"}}},
            {"delete":{"_index":"a","_id":"9","result":"not_found","status":404}},
            {"create":{"status":429,"error":{"type":"es_rejected_execution_exception","reason":"full"}}},
            {"index":{"status":403,"error":{"type":"cluster_block_exception","reason":"disk"}}},
            {"index":{"status":404,"error":{"type":"index_not_found_exception","reason":"no such index [b]"}}},
            {"index":{"status":503}}
        ]}"#;
        let replayed = operation(OnConflict::Replayed, false);
        let (update, delete) = (operation(OnConflict::Again, false), operation(OnConflict::Replayed, true));
        let sent =
            [&replayed, &replayed, &replayed, &update, &delete, &replayed, &replayed, &replayed, &replayed];
        let conflict = "version_conflict_engine_exception: [3]: version conflict";
        assert_eq!(
            fates(body, &sent).unwrap().unwrap(),
            [
                Fate::Done,
                Fate::Refused(
                    "mapper_parsing_exception: failed to parse field [x]: For input string: \"abc\"".into()
                ),
                Fate::Replayed,
                Fate::Again(conflict.into()),
                Fate::Done,
                Fate::Away("es_rejected_execution_exception: full".into()),
                Fate::Away("cluster_block_exception: disk".into()),
                Fate::Away("index_not_found_exception: no such index [b]".into()),
                Fate::Away("status 503".into()),
            ]
        );
    }

    #[test]
    fn where_nothing_went_wrong_all_is_done() {
        let delete = operation(OnConflict::Replayed, true);
        let said = br#"{"errors":false,"items":[{"index":{"status":201}},{"delete":{"status":404}}]}"#;
        assert_eq!(fates(said, &[&delete, &delete]).unwrap().unwrap(), [Fate::Done, Fate::Done]);
        let said = br#"{"errors":false}"#;
        assert_eq!(fates(said, &[&delete, &delete]).unwrap().unwrap(), [Fate::Done, Fate::Done]);
    }

    #[test]
    fn that_something_is_wrong_is_not_with_what() {
        let sent = operation(OnConflict::Replayed, false);
        assert_eq!(fates(br#"{"errors":true}"#, &[&sent]), Ok(None));
    }

    #[test]
    fn an_answer_to_a_part_is_no_answer() {
        let sent = operation(OnConflict::Replayed, false);
        let one = r#"{"errors":false,"items":[{"index":{"status":201}}]}"#;
        assert_eq!(fates(one.as_bytes(), &[&sent]).unwrap().unwrap(), [Fate::Done]);
        assert!(fates(one.as_bytes(), &[&sent, &sent]).unwrap_err().contains("1 of 2"));
        for body in ["", "{}", &one[..one.len() - 5], "<html>", "[]", r#"{"items":[{"index":{}}]}"#] {
            assert!(fates(body.as_bytes(), &[&sent]).is_err(), "{body}");
        }
    }
}
