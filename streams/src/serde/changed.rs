//! The old and the new value of a table's update in one record value.

use millstream_wire::varint;

use super::{Serde, SerdeHandle};
use crate::data::DataError;
use crate::processor::Change;

/// Writes what Kafka's `ChangedSerializer` writes where no older version reads it (KIP-904), and reads all that its
/// `ChangedDeserializer` reads:
///
/// ```text
/// old                              0
/// new                              1
/// varint length of new, new, old   2
/// old, latest                      3   (4 and 5 likewise: of versioned tables, where `latest` is a byte of 0 or 1)
/// ```
pub(crate) struct Changed<V: 'static>(pub(crate) SerdeHandle<V>);

const OLD: u8 = 0;
const NEW: u8 = 1;
const BOTH: u8 = 2;
/// Added to the flags above where the update says whether it is the latest of its key.
const WITH_LATEST: u8 = 3;

impl<V> Serde<Change<V>> for Changed<V> {
    fn encode(&self, change: &Change<V>, out: &mut Vec<u8>) -> Result<bool, DataError> {
        let flag = match (&change.new, &change.old) {
            (Some(new), Some(old)) => {
                self.encode_with_length(new, out)?;
                self.0.encode(old, out)?;
                BOTH
            }
            (Some(new), None) => {
                self.0.encode(new, out)?;
                NEW
            }
            (None, Some(old)) => {
                self.0.encode(old, out)?;
                OLD
            }
            (None, None) => return Ok(false),
        };
        out.push(flag);
        Ok(true)
    }

    fn decode(&self, bytes: Option<&[u8]>) -> Result<Change<V>, DataError> {
        let (flag, rest) = bytes.and_then(<[u8]>::split_last).ok_or(DataError::Null)?;
        let (flag, rest) = match flag.checked_sub(WITH_LATEST) {
            Some(flag) => (flag, rest.split_last().ok_or_else(truncated)?.1),
            None => (*flag, rest),
        };
        let value = |bytes| self.0.decode(Some(bytes)).map(Some);
        match flag {
            OLD => Ok(Change { new: None, old: value(rest)? }),
            NEW => Ok(Change { new: value(rest)?, old: None }),
            BOTH => {
                let mut rest = rest;
                let length = varint::read_i32(&mut rest).and_then(|length| usize::try_from(length).ok());
                let (new, old) =
                    length.and_then(|length| rest.split_at_checked(length)).ok_or_else(truncated)?;
                Ok(Change { new: value(new)?, old: value(old)? })
            }
            _ => Err(DataError::format(format!("a table's update of unknown kind {flag}"))),
        }
    }
}

impl<V> Changed<V> {
    /// The length goes in front once it is known.
    fn encode_with_length(&self, value: &V, out: &mut Vec<u8>) -> Result<(), DataError> {
        let start = out.len();
        self.0.encode(value, out)?;
        let end = out.len();
        varint::write_i32(out, i32::try_from(end - start).map_err(DataError::format)?);
        let length_bytes = out.len() - end;
        out[start..].rotate_right(length_bytes);
        Ok(())
    }
}

fn truncated() -> DataError {
    DataError::format("a table's update ends too early")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn serde() -> Changed<String> {
        Changed(SerdeHandle::native())
    }

    fn bytes(new: Option<&str>, old: Option<&str>) -> Vec<u8> {
        let mut out = Vec::new();
        let change = Change { new: new.map(str::to_owned), old: old.map(str::to_owned) };
        assert!(serde().encode(&change, &mut out).unwrap());
        out
    }

    #[test]
    fn bytes_are_those_of_kafka() {
        assert_eq!(bytes(None, Some("ab")), b"ab\x00");
        assert_eq!(bytes(Some("ab"), None), b"ab\x01");
        assert_eq!(bytes(Some("ab"), Some("c")), b"\x04abc\x02", "the length is a zigzag varint");
        let latest = serde().decode(Some(b"\x04abc\x01\x05")).unwrap();
        assert_eq!(latest, Change { new: Some("ab".into()), old: Some("c".into()) });
    }

    proptest! {
        #[test]
        fn reads_what_it_writes(new: Option<String>, old: Option<String>) {
            prop_assume!(new.is_some() || old.is_some());
            let change = Change { new, old };
            let mut out = Vec::new();
            serde().encode(&change, &mut out).unwrap();
            prop_assert_eq!(serde().decode(Some(&out)).unwrap(), change);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = serde().decode(Some(&bytes));
        }
    }
}
