//! Which names a topic may have (`org.apache.kafka.common.internals.Topic`).

/// The longest topic name in bytes: with partition number and suffixes it must still be a file name.
const MAX_LENGTH: usize = 249;

/// Topics that the broker keeps its own state in.
const INTERNAL: &[&str] = &["__consumer_offsets", "__transaction_state", "__share_group_state"];

/// Whether a topic belongs to the broker and not to its users.
pub(crate) fn is_internal(name: &str) -> bool {
    INTERNAL.contains(&name)
}

/// Whether two names would be one in the names of metrics, where a dot and an underscore are the same.
pub(crate) fn collide(one: &str, other: &str) -> bool {
    let same = |byte: u8| if byte == b'_' { b'.' } else { byte };
    one.len() == other.len() && one.bytes().map(same).eq(other.bytes().map(same))
}

/// Says what is wrong with a topic name, in Kafka's words.
pub(crate) fn name_fault(name: &str) -> Option<String> {
    if name.is_empty() {
        return Some("Topic name is invalid: the empty string is not allowed".to_owned());
    }
    if name == "." || name == ".." {
        return Some("Topic name is invalid: '.' or '..' is not allowed".to_owned());
    }
    if name.len() > MAX_LENGTH {
        return Some(format!("Topic name is invalid: it is longer than {MAX_LENGTH} characters"));
    }
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (!name.bytes().all(legal)).then(|| {
        "Topic name is invalid: it may hold ASCII letters and digits, '.', '_' and '-' only".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dot_collides_with_an_underscore() {
        assert!(collide("a.b_c", "a_b.c"));
        assert!(!collide("a.b", "a-b") && !collide("a.b", "a.bc"));
    }

    #[test]
    fn names_that_would_be_no_directory_are_refused() {
        for name in ["", ".", "..", "a/b", "a\0b", "ä", &"x".repeat(250)] {
            assert!(name_fault(name).is_some(), "{name}");
        }
        for name in ["a", "__consumer_offsets", "A.b-c_9", &"x".repeat(249)] {
            assert_eq!(name_fault(name), None, "{name}");
        }
    }
}
