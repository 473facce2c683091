//! The topics in a consumer's protocol metadata (Kafka's `ConsumerProtocolSubscription`):
//!
//! ```text
//! version: i16 | count: i32 | count × (length: i16, UTF-8) | what later versions add
//! ```
//! It is a client's claim: a count sizes nothing here.

/// The topics that a member of type "consumer" subscribes to. None: the bytes are not a subscription.
pub(crate) fn topics(metadata: &[u8]) -> Option<Vec<&str>> {
    let (_version, rest) = metadata.split_first_chunk::<2>()?;
    let (count, mut rest) = rest.split_first_chunk::<4>()?;
    let mut topics = Vec::new();
    for _ in 0..i32::from_be_bytes(*count) {
        let (length, after) = rest.split_first_chunk::<2>()?;
        let (topic, after) = after.split_at_checked(usize::try_from(i16::from_be_bytes(*length)).ok()?)?;
        topics.push(std::str::from_utf8(topic).ok()?);
        rest = after;
    }
    Some(topics)
}

#[cfg(test)]
mod tests {
    use super::topics;

    #[test]
    fn topics_of_a_subscription() {
        // Version 1 of two topics, then the user data and owned partitions that are of no interest here.
        let bytes = b"\x00\x01\x00\x00\x00\x02\x00\x01a\x00\x02bc\xff\xff\xff\xff\x00\x00\x00\x00";
        assert_eq!(topics(bytes), Some(vec!["a", "bc"]));
        assert_eq!(topics(b"\x00\x00\x00\x00\x00\x00"), Some(vec![]));
    }

    #[test]
    fn a_lying_count_or_length_is_no_subscription() {
        assert_eq!(topics(b"\x00\x01\x7f\xff\xff\xff\x00\x01a"), None);
        assert_eq!(topics(b"\x00\x01\x00\x00\x00\x01\x7f\xffa"), None);
        assert_eq!(topics(b"\x00\x01\x00\x00\x00\x01\xff\xffa"), None);
        assert_eq!(topics(b""), None);
    }
}
