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
//! All versions are read. Written are key 1 with value 3 (1 where the offset has its own expiry), and key 2 with
//! value 3, as Kafka 4 does.

use super::fields::{Reader, SchemaError, put_bytes, put_nullable_string, put_string};

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
        let (kind, mut fields) = Reader::versioned(bytes)?;
        Ok(match kind {
            0 | 1 => {
                Self::OffsetCommit { group: fields.string()?, topic: fields.string()?, partition: fields.i32()? }
            }
            2 => Self::GroupMetadata { group: fields.string()? },
            other => Self::Other(other),
        })
    }

    /// Appends the key. One of another kind is appended as its number alone.
    pub fn write(&self, buf: &mut Vec<u8>) {
        match self {
            Self::OffsetCommit { group, topic, partition } => {
                buf.extend_from_slice(&1i16.to_be_bytes());
                put_string(buf, group);
                put_string(buf, topic);
                buf.extend_from_slice(&partition.to_be_bytes());
            }
            Self::GroupMetadata { group } => {
                buf.extend_from_slice(&2i16.to_be_bytes());
                put_string(buf, group);
            }
            Self::Other(kind) => buf.extend_from_slice(&kind.to_be_bytes()),
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
}

impl<'a> OffsetCommit<'a> {
    /// Reads a value.
    ///
    /// # Errors
    /// The value is cut short, not UTF-8, or of a version that is not known.
    pub fn read(bytes: &'a [u8]) -> Result<Self, SchemaError> {
        let (version, fields) = Reader::versioned(bytes)?;
        if !(0..=4).contains(&version) {
            return Err(SchemaError::UnknownVersion(version));
        }
        let mut fields = fields.flexible(version >= 4);
        let value = Self {
            offset: fields.i64()?,
            leader_epoch: if version >= 3 { fields.i32()? } else { -1 },
            metadata: fields.string()?,
            committed_ms: fields.i64()?,
            expires_ms: if version == 1 { Some(fields.i64()?).filter(|at| *at >= 0) } else { None },
        };
        fields.tagged(|_, _| {})?;
        Ok(value)
    }

    /// Appends the value.
    pub fn write(&self, buf: &mut Vec<u8>) {
        let version: i16 = if self.expires_ms.is_some() { 1 } else { 3 };
        buf.extend_from_slice(&version.to_be_bytes());
        buf.extend_from_slice(&self.offset.to_be_bytes());
        if version >= 3 {
            buf.extend_from_slice(&self.leader_epoch.to_be_bytes());
        }
        put_string(buf, self.metadata);
        buf.extend_from_slice(&self.committed_ms.to_be_bytes());
        if let Some(at) = self.expires_ms {
            buf.extend_from_slice(&at.to_be_bytes());
        }
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
        let (version, fields) = Reader::versioned(bytes)?;
        if !(0..=4).contains(&version) {
            return Err(SchemaError::UnknownVersion(version));
        }
        let mut fields = fields.flexible(version >= 4);
        let mut group = Self {
            protocol_type: fields.string()?,
            generation: fields.i32()?,
            protocol: fields.nullable_string()?,
            leader: fields.nullable_string()?,
            state_since_ms: if version >= 2 { fields.i64()? } else { -1 },
            members: Vec::new(),
        };
        for _ in 0..fields.count()? {
            group.members.push(MemberMetadata::read(version, &mut fields)?);
        }
        fields.tagged(|_, _| {})?;
        Ok(group)
    }

    /// Appends the value.
    pub fn write(&self, buf: &mut Vec<u8>) {
        buf.extend_from_slice(&3i16.to_be_bytes());
        put_string(buf, self.protocol_type);
        buf.extend_from_slice(&self.generation.to_be_bytes());
        put_nullable_string(buf, self.protocol);
        put_nullable_string(buf, self.leader);
        buf.extend_from_slice(&self.state_since_ms.to_be_bytes());
        buf.extend_from_slice(&(self.members.len() as i32).to_be_bytes());
        self.members.iter().for_each(|member| member.write(buf));
    }
}

impl<'a> MemberMetadata<'a> {
    fn read(version: i16, fields: &mut Reader<'a>) -> Result<Self, SchemaError> {
        let id = fields.string()?;
        let instance_id = if version >= 3 { fields.nullable_string()? } else { None };
        let client_id = fields.string()?;
        let client_host = fields.string()?;
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
        fields.tagged(|_, _| {})?;
        Ok(member)
    }

    fn write(&self, buf: &mut Vec<u8>) {
        put_string(buf, self.id);
        put_nullable_string(buf, self.instance_id);
        put_string(buf, self.client_id);
        put_string(buf, self.client_host);
        buf.extend_from_slice(&self.rebalance_timeout_ms.to_be_bytes());
        buf.extend_from_slice(&self.session_timeout_ms.to_be_bytes());
        put_bytes(buf, self.subscription);
        put_bytes(buf, self.assignment);
    }
}
