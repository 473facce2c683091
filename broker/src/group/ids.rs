//! The names a group deals in. They are copied out of the request's frame, so that a group which lives for
//! weeks does not keep the frame of its first request alive.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// Longest part of a client id that is taken into a member id. A client id may be 32 KiB; the member id made
/// of it is kept for as long as the member lives.
const CLIENT_ID_IN_MEMBER_ID_MAX: usize = 249;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub(crate) struct $name(Arc<str>);

        impl $name {
            pub(crate) fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self(name.into())
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// A group, as clients name it (`group.id`).
    GroupId
}

name! {
    /// A member for one stay in the group; given out by the coordinator (KIP-394).
    MemberId
}

name! {
    /// A static member (`group.instance.id`, KIP-345): the name outlives the member ids under which it joins.
    InstanceId
}

impl MemberId {
    /// A member id that was never given out: the instance id, or else the client id, and 16 random bytes, as
    /// Kafka makes it.
    pub(crate) fn fresh(client_id: &str, instance_id: Option<&InstanceId>) -> Self {
        let prefix = instance_id.map_or(client_id, InstanceId::as_str);
        let end = prefix.floor_char_boundary(CLIENT_ID_IN_MEMBER_ID_MAX);
        Self(format!("{}-{}", &prefix[..end], uuid::Uuid::new_v4()).into())
    }
}

/// Longest part of a client's reason that is taken into the log, as Kafka's clients cut it (KIP-800).
const REASON_BYTES_MAX: usize = 255;

/// Why a client does what it does, for the log: a log line is no place for 32 KiB of someone else's text.
pub(crate) fn reason(text: &str) -> Arc<str> {
    text[..text.floor_char_boundary(REASON_BYTES_MAX)].into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_member_id_starts_with_the_name_its_operator_knows() {
        assert!(MemberId::fresh("client", None).as_str().starts_with("client-"));
        assert!(MemberId::fresh("client", Some(&"rack-1".into())).as_str().starts_with("rack-1-"));
        assert_ne!(MemberId::fresh("client", None), MemberId::fresh("client", None));
    }

    #[test]
    fn a_long_client_id_does_not_make_a_long_member_id() {
        let id = MemberId::fresh(&"ä".repeat(16_000), None);
        assert!(id.as_str().len() <= CLIENT_ID_IN_MEMBER_ID_MAX + 37);
    }
}
