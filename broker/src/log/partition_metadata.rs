//! `partition.metadata`: which topic a directory belongs to, by id.
//!
//! ```text
//! version: 0
//! topic_id: 7dD2HhDvS1yBnMpGTvbYSA      URL-safe base64 without padding, as Kafka's Uuid prints
//! ```

use uuid::Uuid;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Characters of a printed id: 128 bits at 6 a character.
const PRINTED_LEN: usize = 22;

pub(super) fn to_text(topic_id: Uuid) -> String {
    format!("version: 0\ntopic_id: {}\n", print_id(topic_id))
}

/// `None` where the text is damaged.
pub(super) fn from_text(text: &str) -> Option<Uuid> {
    let mut lines = text.lines();
    lines.next().filter(|line| *line == "version: 0")?;
    parse_id(lines.next()?.strip_prefix("topic_id: ")?)
}

/// An id as Kafka prints it (`org.apache.kafka.common.Uuid`).
pub fn print_id(id: Uuid) -> String {
    let bits = id.as_u128();
    (0..PRINTED_LEN)
        .map(|at| {
            // The last character holds the two bits that are left, above four zeros.
            let shift = 122 - 6 * at as i32;
            let six = if shift >= 0 { bits >> shift } else { bits << -shift };
            ALPHABET[(six & 63) as usize] as char
        })
        .collect()
}

/// The id that [`print_id`] printed.
pub fn parse_id(text: &str) -> Option<Uuid> {
    if text.len() != PRINTED_LEN {
        return None;
    }
    let mut bits: u128 = 0;
    for (at, character) in text.bytes().enumerate() {
        let six = ALPHABET.iter().position(|known| *known == character)? as u128;
        let last = at == PRINTED_LEN - 1;
        bits = if last { bits << 2 | six >> 4 } else { bits << 6 | six };
    }
    Some(Uuid::from_u128(bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_print_as_kafkas() {
        // `new Uuid(1L, 2L).toString()` and `Uuid.METADATA_TOPIC_ID`.
        assert_eq!(print_id(Uuid::from_u128(1 << 64 | 2)), "AAAAAAAAAAEAAAAAAAAAAg");
        assert_eq!(print_id(Uuid::from_u128(1)), "AAAAAAAAAAAAAAAAAAAAAQ");
        for id in [0, 1, u128::MAX, 0x0123_4567_89ab_cdef_fedc_ba98_7654_3210] {
            let id = Uuid::from_u128(id);
            assert_eq!(parse_id(&print_id(id)), Some(id));
            assert_eq!(from_text(&to_text(id)), Some(id));
        }
        assert_eq!(from_text("version: 0\ntopic_id: x\n"), None);
    }
}
