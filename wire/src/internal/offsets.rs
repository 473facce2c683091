//! Keys and values of `__consumer_offsets` for classic groups (Kafka's `OffsetCommitKey`, `OffsetCommitValue`,
//! `GroupMetadataKey`, `GroupMetadataValue`).
//!
//! ```text
//! key            0, 1: i16 | group: string | topic: string | partition: i32
//!                   2: i16 | group: string
//! commit value   0, 2: i16 | offset: i64 |                    metadata: string | committed: i64
//!                   1: i16 | offset: i64 |                    metadata: string | committed: i64 | expires: i64
//!                   3: i16 | offset: i64 | leader epoch: i32 | metadata: string | committed: i64
//!                   4: as 3, flexible, the topic id in tag 0
//! group value   0..4: i16 | protocol type: string | generation: i32 | protocol: string? | leader: string?
//!                     | (2+) state since: i64 | members: [
//!                         id: string | (3+) instance id: string? | client id: string | client host: string
//!                         | (1+) rebalance timeout: i32 | session timeout: i32 | subscription: bytes
//!                         | assignment: bytes ]
//!                  4: as 3, flexible
//! ```
//! All versions are read. Written are key 1 with value 4 (1 where the offset has its own expiry), and key 2 with
//! value 3, as Kafka 4.3 does.

use super::{SchemaError, versioned};
use crate::fields::{FieldError, FieldReader, FieldWriter};

/// The tag of the topic id in the value of an offset.
const TOPIC_ID_TAG: u32 = 0;
/// The first version of both values with compact lengths, and the newest.
const FIRST_FLEXIBLE: i16 = 4;
const NEWEST: i16 = 4;
/// Fewest bytes that a member takes in any version.
const SMALLEST_MEMBER: usize = 10;

/// What a record of `__consumer_offsets` is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key<'a> {
    /// An offset of a group in a partition.
    OffsetCommit {
        /// The group.
        group: &'a str,
        /// The topic's name.
        topic: &'a str,
        /// The partition.
        partition: i32,
    },
    /// The members of a classic group.
    GroupMetadata {
        /// The group.
        group: &'a str,
    },
    /// A record of another kind of group, by its number.
    Other(i16),
}

impl<'a> Key<'a> {
    /// Reads a key.
    ///
    /// # Errors
    /// The key is cut short or a name in it is not UTF-8.
    pub fn read(bytes: &'a [u8]) -> Result<Self, SchemaError> {
        let (kind, mut fields) = versioned(bytes, i16::MAX)?;
        Ok(match kind {
            0 | 1 => {
                Self::OffsetCommit { group: fields.text()?, topic: fields.text()?, partition: fields.i32()? }
            }
            2 => Self::GroupMetadata { group: fields.text()? },
            other => Self::Other(other),
        })
    }

    /// Appends the key. One of another kind is appended as its number alone.
    pub fn write(&self, buf: &mut Vec<u8>) {
        let mut fields = FieldWriter::new(buf, false);
        match self {
            Self::OffsetCommit { group, topic, partition } => {
                fields.i16(1);
                fields.text(group);
                fields.text(topic);
                fields.i32(*partition);
            }
            Self::GroupMetadata { group } => {
                fields.i16(2);
                fields.text(group);
            }
            Self::Other(kind) => fields.i16(*kind),
        }
    }
}

/// A committed offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OffsetCommit<'a> {
    /// The offset of the next record to read.
    pub offset: i64,
    /// Leader epoch of the last record read; -1 where it is not known.
    pub leader_epoch: i32,
    /// The client's own note.
    pub metadata: &'a str,
    /// Milliseconds since 1970.
    pub committed_ms: i64,
    /// Milliseconds since 1970; None: the broker's retention decides.
    pub expires_ms: Option<i64>,
    /// The topic that was read, big-endian as on the wire; None in records before version 4.
    pub topic_id: Option<[u8; 16]>,
}

impl<'a> OffsetCommit<'a> {
    /// Reads a value.
    ///
    /// # Errors
    /// The value is cut short, not UTF-8, or of a version that is not known.
    pub fn read(bytes: &'a [u8]) -> Result<Self, SchemaError> {
        let (version, mut fields) = versioned(bytes, FIRST_FLEXIBLE)?;
        if !(0..=NEWEST).contains(&version) {
            return Err(SchemaError::UnknownVersion(version));
        }
        let mut value = Self {
            offset: fields.i64()?,
            leader_epoch: if version >= 3 { fields.i32()? } else { -1 },
            metadata: fields.text()?,
            committed_ms: fields.i64()?,
            expires_ms: if version == 1 { Some(fields.i64()?).filter(|at| *at >= 0) } else { None },
            topic_id: None,
        };
        fields.tagged(|tag, content| {
            if tag == TOPIC_ID_TAG {
                value.topic_id = Some(content.uuid()?.into_bytes());
            }
            Ok(())
        })?;
        Ok(value)
    }

    /// Appends the value.
    pub fn write(&self, buf: &mut Vec<u8>) {
        match self.expires_ms {
            Some(at) => self.write_expiring(at, buf),
            None => self.write_flexible(buf),
        }
    }

    fn write_expiring(&self, expires_ms: i64, buf: &mut Vec<u8>) {
        let mut fields = FieldWriter::new(buf, false);
        fields.i16(1);
        fields.i64(self.offset);
        fields.text(self.metadata);
        fields.i64(self.committed_ms);
        fields.i64(expires_ms);
    }

    fn write_flexible(&self, buf: &mut Vec<u8>) {
        let mut fields = FieldWriter::new(buf, true);
        fields.i16(FIRST_FLEXIBLE);
        fields.i64(self.offset);
        fields.i32(self.leader_epoch);
        fields.text(self.metadata);
        fields.i64(self.committed_ms);
        let topic_id = self.topic_id.map(|id| (TOPIC_ID_TAG, id.to_vec()));
        fields.tagged(topic_id.as_slice());
    }
}

/// A classic group: its generation and its members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMetadata<'a> {
    /// "consumer", "connect", ...; empty where the group had no members yet.
    pub protocol_type: &'a str,
    /// Counts completed rebalances.
    pub generation: i32,
    /// What the members agreed on.
    pub protocol: Option<&'a str>,
    /// The member that assigns.
    pub leader: Option<&'a str>,
    /// When the group came into its state, milliseconds since 1970; -1 in records before version 2.
    pub state_since_ms: i64,
    /// The members; none: the group is empty.
    pub members: Vec<MemberMetadata<'a>>,
}

/// A member of a classic group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberMetadata<'a> {
    /// The member's id.
    pub id: &'a str,
    /// The name of a static member.
    pub instance_id: Option<&'a str>,
    /// The client's own name.
    pub client_id: &'a str,
    /// Where it came from.
    pub client_host: &'a str,
    /// Milliseconds; before version 1 the session time-out stands for it.
    pub rebalance_timeout_ms: i32,
    /// Milliseconds.
    pub session_timeout_ms: i32,
    /// Its metadata for the protocol.
    pub subscription: &'a [u8],
    /// What the leader gave it.
    pub assignment: &'a [u8],
}

impl<'a> GroupMetadata<'a> {
    /// Reads a value.
    ///
    /// # Errors
    /// The value is cut short, not UTF-8, or of a version that is not known.
    pub fn read(bytes: &'a [u8]) -> Result<Self, SchemaError> {
        let (version, mut fields) = versioned(bytes, FIRST_FLEXIBLE)?;
        if !(0..=NEWEST).contains(&version) {
            return Err(SchemaError::UnknownVersion(version));
        }
        let mut group = Self {
            protocol_type: fields.text()?,
            generation: fields.i32()?,
            protocol: fields.nullable_text()?,
            leader: fields.nullable_text()?,
            state_since_ms: if version >= 2 { fields.i64()? } else { -1 },
            members: Vec::new(),
        };
        group.members = fields.list(SMALLEST_MEMBER, |fields| MemberMetadata::read(version, fields))?;
        fields.skip_tagged()?;
        Ok(group)
    }

    /// Appends the value.
    pub fn write(&self, buf: &mut Vec<u8>) {
        let mut fields = FieldWriter::new(buf, false);
        fields.i16(3);
        fields.text(self.protocol_type);
        fields.i32(self.generation);
        fields.nullable_text(self.protocol);
        fields.nullable_text(self.leader);
        fields.i64(self.state_since_ms);
        fields.list(&self.members, |fields, member| member.write(fields));
    }
}

impl<'a> MemberMetadata<'a> {
    fn read(version: i16, fields: &mut FieldReader<'a>) -> Result<Self, FieldError> {
        let id = fields.text()?;
        let instance_id = if version >= 3 { fields.nullable_text()? } else { None };
        let client_id = fields.text()?;
        let client_host = fields.text()?;
        let first_timeout = fields.i32()?;
        let session_timeout_ms = if version >= 1 { fields.i32()? } else { first_timeout };
        let member = Self {
            id,
            instance_id,
            client_id,
            client_host,
            rebalance_timeout_ms: first_timeout,
            session_timeout_ms,
            subscription: fields.bytes()?,
            assignment: fields.bytes()?,
        };
        fields.skip_tagged()?;
        Ok(member)
    }

    fn write(&self, fields: &mut FieldWriter<'_>) {
        fields.text(self.id);
        fields.nullable_text(self.instance_id);
        fields.text(self.client_id);
        fields.text(self.client_host);
        fields.i32(self.rebalance_timeout_ms);
        fields.i32(self.session_timeout_ms);
        fields.bytes(self.subscription);
        fields.bytes(self.assignment);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Written by Apache Kafka 4.3.1 for a group of one kafka-python consumer.
    const COMMIT_KEY: &str = "00010006676f6c64656e000c67726f75702d676f6c64656e00000000";
    const COMMIT: &str =
        "00040000000000000001ffffffff0761206e6f7465000001a201c64aaf0100107251436d89764ae3855ff8b401af407a";
    const GROUP_KEY: &str = "00020006676f6c64656e";
    const GROUP: &str = "00030008636f6e73756d657200000001000572616e67650032676f6c64656e2d636c69656e742d37386332363232\
         632d613564342d343835652d393761372d363539343261656264336463000001a201c64a5d000000010032676f6c64656e2d636c69\
         656e742d37386332363232632d613564342d343835652d393761372d363539343261656264336463ffff000d676f6c64656e2d636c\
         69656e74000a2f3132372e302e302e31000493e00000afc800000018000000000001000c67726f75702d676f6c64656e0000000000\
         000020000000000001000c67726f75702d676f6c64656e000000010000000000000000";
    const EMPTY_GROUP: &str = "00030008636f6e73756d657200000002ffffffff000001a201c64abc00000000";

    fn hex(text: &str) -> Vec<u8> {
        let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
        (0..text.len()).step_by(2).map(digit).collect()
    }

    fn written(write: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
        let mut buf = Vec::new();
        write(&mut buf);
        buf
    }

    #[test]
    fn kafkas_offset_commit() {
        let (key_bytes, value_bytes) = (hex(COMMIT_KEY), hex(COMMIT));
        let key = Key::read(&key_bytes).unwrap();
        assert_eq!(key, Key::OffsetCommit { group: "golden", topic: "group-golden", partition: 0 });
        assert_eq!(written(|buf| key.write(buf)), key_bytes);
        let value = OffsetCommit::read(&value_bytes).unwrap();
        assert_eq!((value.offset, value.leader_epoch, value.metadata), (1, -1, "a note"));
        assert_eq!(value.topic_id.unwrap()[..4], [0x72, 0x51, 0x43, 0x6d]);
        assert_eq!(written(|buf| value.write(buf)), value_bytes);
    }

    #[test]
    fn kafkas_group() {
        let (key_bytes, value_bytes) = (hex(GROUP_KEY), hex(GROUP));
        assert_eq!(Key::read(&key_bytes), Ok(Key::GroupMetadata { group: "golden" }));
        let group = GroupMetadata::read(&value_bytes).unwrap();
        assert_eq!((group.protocol_type, group.generation, group.protocol), ("consumer", 1, Some("range")));
        let member = group.members[0];
        assert_eq!(group.leader, Some(member.id));
        assert_eq!((member.client_id, member.client_host), ("golden-client", "/127.0.0.1"));
        assert_eq!((member.rebalance_timeout_ms, member.session_timeout_ms), (300_000, 45_000));
        assert_eq!((member.subscription.len(), member.assignment.len()), (24, 32));
        assert_eq!(written(|buf| group.write(buf)), value_bytes);
    }

    #[test]
    fn kafkas_empty_group() {
        let bytes = hex(EMPTY_GROUP);
        let group = GroupMetadata::read(&bytes).unwrap();
        assert_eq!((group.generation, group.protocol, group.leader, group.members.len()), (2, None, None, 0));
        assert_eq!(written(|buf| group.write(buf)), bytes);
    }

    #[test]
    fn older_values_of_an_offset() {
        let common = "0000000000000007";
        let v0 = hex(&format!("0000{common}000161{common}"));
        let v1 = hex(&format!("0001{common}000161{common}0000000000000009"));
        let v2 = hex(&format!("0002{common}000161{common}"));
        let v3 = hex(&format!("0003{common}00000005000161{common}"));
        let base = OffsetCommit {
            offset: 7,
            leader_epoch: -1,
            metadata: "a",
            committed_ms: 7,
            expires_ms: None,
            topic_id: None,
        };
        assert_eq!(OffsetCommit::read(&v0), Ok(base));
        assert_eq!(OffsetCommit::read(&v1), Ok(OffsetCommit { expires_ms: Some(9), ..base }));
        assert_eq!(OffsetCommit::read(&v2), Ok(base));
        assert_eq!(OffsetCommit::read(&v3), Ok(OffsetCommit { leader_epoch: 5, ..base }));
        assert_eq!(written(|buf| OffsetCommit { expires_ms: Some(9), ..base }.write(buf)), v1);
    }

    #[test]
    fn a_group_of_version_0_has_one_timeout() {
        let bytes = hex("0000000161000000010000ffff00000001000169000163000168000000050000000173000000017a");
        let group = GroupMetadata::read(&bytes).unwrap();
        assert_eq!((group.protocol, group.state_since_ms), (Some(""), -1));
        assert_eq!((group.members[0].rebalance_timeout_ms, group.members[0].session_timeout_ms), (5, 5));
        assert_eq!((group.members[0].subscription, group.members[0].assignment), (&b"s"[..], &b"z"[..]));
    }

    #[test]
    fn what_is_not_known_is_said() {
        assert_eq!(Key::read(&[0, 3, 0, 1]), Ok(Key::Other(3)));
        assert_eq!(OffsetCommit::read(&[0, 5]), Err(SchemaError::UnknownVersion(5)));
        assert_eq!(GroupMetadata::read(&[0, 5]), Err(SchemaError::UnknownVersion(5)));
    }

    #[test]
    fn every_cut_is_noticed() {
        for bytes in [hex(COMMIT), hex(GROUP), hex(EMPTY_GROUP)] {
            for end in 0..bytes.len() {
                let cut = &bytes[..end];
                assert!(OffsetCommit::read(cut).is_err() || bytes != hex(COMMIT), "{end}");
                assert!(GroupMetadata::read(cut).is_err() || bytes == hex(COMMIT), "{end}");
            }
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Key::read(&bytes);
            let _ = OffsetCommit::read(&bytes);
            let _ = GroupMetadata::read(&bytes);
        }
    }
}
