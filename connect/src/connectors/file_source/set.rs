//! Positions that somebody sets: by a file's name, as Kafka's `FileStreamSourceConnector` takes them, or as they are stored here.

use serde_json::Value as Json;

use super::identity::FileId;
use super::mark::Mark;
use super::task::{FILENAME, POSITION};
use crate::source::{SourceOffset, SourcePartition};

/// In Kafka's words where it is Kafka's form. Which files are read is not looked at, as there: the options may come after.
pub(super) fn check(
    partition: &SourcePartition,
    offset: &SourceOffset,
    stored: Option<&SourceOffset>,
) -> Result<(), String> {
    let position = offset
        .get(POSITION)
        .ok_or_else(|| format!("Offset objects should either be null or contain the key '{POSITION}'"))?;
    match position.as_i64() {
        None => {
            return Err(format!(
                "The value for the '{POSITION}' key in the offset is expected to be a Long value"
            ));
        }
        Some(..0) => {
            return Err(format!(
                "The value for the '{POSITION}' key in the offset should be a non-negative value"
            ));
        }
        Some(_) => {}
    }
    if let Some(id) = FileId::of_partition(partition) {
        return if id.partition() == *partition { by_identity(offset, stored) } else { Err(other_form()) };
    }
    match partition.get(FILENAME) {
        None => Err(format!("Partition objects should contain the key '{FILENAME}'")),
        Some(Json::String(_)) if partition.len() == 1 => Ok(()),
        Some(_) => Err(other_form()),
    }
}

/// What is stored has hashes of what was read, and fits no other position: a file would be taken for another, and begun anew.
fn by_identity(offset: &SourceOffset, stored: Option<&SourceOffset>) -> Result<(), String> {
    let mark = Mark::of_offset(offset).ok_or_else(other_form)?;
    let is_moved = stored
        .and_then(Mark::of_offset)
        .is_some_and(|known| known.position != mark.position && known.proof() == mark.proof());
    if is_moved { Err(other_form()) } else { Ok(()) }
}

fn other_form() -> String {
    format!(
        "A position of a file by its device and inode can only be set as it was told: it has hashes of what was read before. To set \
         another, or one of your own, write the partition {{\"{FILENAME}\": \"/path/of/the/file\"}} and the offset \
         {{\"{POSITION}\": 0}}, in bytes; it counts more than what is stored of the file"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::identity::Print;
    use super::super::place::Birth;
    use super::*;

    fn told(partition: Json, offset: Json) -> Result<(), String> {
        check(partition.as_object().unwrap(), offset.as_object().unwrap(), None)
    }

    #[test]
    fn a_position_by_name_is_as_kafkas_connector_takes_it() {
        let file = || json!({"filename": "/var/log/app.log"});
        assert_eq!(told(file(), json!({"position": 0})), Ok(()));
        assert_eq!(told(file(), json!({"position": i64::MAX})), Ok(()));
        let said = |partition, offset| told(partition, offset).unwrap_err();
        assert!(said(file(), json!({})).contains("contain the key 'position'"));
        for wrong in [json!("4"), json!(4.5), json!(null), json!(u64::MAX)] {
            assert!(said(file(), json!({ "position": wrong })).contains("expected to be a Long"));
        }
        assert!(said(file(), json!({"position": -1})).contains("non-negative"));
        let one = || json!({"position": 1});
        assert!(said(json!({"file": "/var/log/app.log"}), one()).contains("contain the key 'filename'"));
        for wrong in
            [json!({"filename": 7}), json!({"filename": "a", "device": 1}), json!({"device": 1, "inode": 2})]
        {
            assert!(said(wrong, one()).contains("/path/of/the/file"));
        }
    }

    #[test]
    fn a_position_by_identity_is_taken_as_it_was_told_and_not_as_somebody_has_changed_it() {
        let part = FileId { device: 1, inode: 2 }.partition();
        let mark = |position| {
            let (head, tail) = (Print::of(&[b'x'; 4]), Print::of(&[b'y'; 4]));
            Mark { path: "/a".to_owned(), birth: Birth::default(), position, head, tail }.offset()
        };
        assert_eq!(check(&part, &mark(4_711), Some(&mark(4_711))), Ok(()));
        assert_eq!(check(&part, &mark(4_711), None), Ok(()), "as after a reset");
        assert!(check(&part, &mark(4_712), Some(&mark(4_711))).is_err());
        assert!(check(&part, &mark(3), None).is_err(), "more is proved than was read");
        let mut more = part.clone();
        more.insert("host".to_owned(), json!("a"));
        assert!(check(&more, &mark(4_711), None).is_err());
    }
}
