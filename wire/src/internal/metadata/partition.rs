//! Partitions and changes to them (Kafka's `PartitionRecord`, `PartitionChangeRecord`).

use uuid::Uuid;

use crate::fields::{FieldError, FieldReader, FieldWriter};

const UUID_LEN: usize = 16;
const NODE_LEN: usize = 4;

/// A partition was created. Eligible leader replicas (version 2) are read over: one node has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionRecord {
    /// Number in its topic.
    pub partition: i32,
    /// Its topic.
    pub topic_id: Uuid,
    /// Nodes that hold it, the preferred leader first.
    pub replicas: Vec<i32>,
    /// Those of them that are in sync.
    pub isr: Vec<i32>,
    /// Nodes that will no longer hold it.
    pub removing_replicas: Vec<i32>,
    /// Nodes that will hold it.
    pub adding_replicas: Vec<i32>,
    /// The leader; -1 for none.
    pub leader: i32,
    /// Whether the leader was elected uncleanly and has not recovered yet: 0 recovered, 1 recovering.
    pub leader_recovery_state: i8,
    /// Rises with every leader.
    pub leader_epoch: i32,
    /// Rises with every change.
    pub partition_epoch: i32,
    /// The log directory of each replica; empty in records of version 0.
    pub directories: Vec<Uuid>,
}

impl PartitionRecord {
    const RECOVERY_TAG: u32 = 0;

    pub(super) fn read(version: i16, fields: &mut FieldReader<'_>) -> Result<Self, FieldError> {
        let mut record = Self {
            partition: fields.i32()?,
            topic_id: fields.uuid()?,
            replicas: read_nodes(fields)?,
            isr: read_nodes(fields)?,
            removing_replicas: read_nodes(fields)?,
            adding_replicas: read_nodes(fields)?,
            leader: fields.i32()?,
            leader_recovery_state: 0,
            leader_epoch: fields.i32()?,
            partition_epoch: fields.i32()?,
            directories: if version >= 1 { fields.list(UUID_LEN, FieldReader::uuid)? } else { Vec::new() },
        };
        fields.tagged(|tag, content| {
            if tag == Self::RECOVERY_TAG {
                record.leader_recovery_state = content.i8()?;
            }
            Ok(())
        })?;
        Ok(record)
    }

    pub(super) fn write(&self, fields: &mut FieldWriter<'_>) {
        fields.i32(self.partition);
        fields.uuid(self.topic_id);
        for nodes in [&self.replicas, &self.isr, &self.removing_replicas, &self.adding_replicas] {
            fields.list(nodes, |fields, node| fields.i32(*node));
        }
        fields.i32(self.leader);
        fields.i32(self.leader_epoch);
        fields.i32(self.partition_epoch);
        if !self.directories.is_empty() {
            fields.list(&self.directories, |fields, directory| fields.uuid(*directory));
        }
    }

    pub(super) fn tagged(&self) -> Vec<(u32, Vec<u8>)> {
        match self.leader_recovery_state {
            0 => Vec::new(),
            state => vec![(Self::RECOVERY_TAG, vec![state as u8])],
        }
    }
}

/// A partition changed; what is `None` stays as it was. Eligible leader replicas are read over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionChangeRecord {
    /// Number in its topic.
    pub partition: i32,
    /// Its topic.
    pub topic_id: Uuid,
    /// Nodes that are in sync.
    pub isr: Option<Vec<i32>>,
    /// The leader; -1 for none. The leader epoch rises with it.
    pub leader: Option<i32>,
    /// Nodes that hold it.
    pub replicas: Option<Vec<i32>>,
    /// Nodes that will no longer hold it.
    pub removing_replicas: Option<Vec<i32>>,
    /// Nodes that will hold it.
    pub adding_replicas: Option<Vec<i32>>,
    /// Whether the leader has recovered from an unclean election.
    pub leader_recovery_state: Option<i8>,
    /// The log directory of each replica.
    pub directories: Option<Vec<Uuid>>,
}

impl PartitionChangeRecord {
    pub(super) fn read(fields: &mut FieldReader<'_>) -> Result<Self, FieldError> {
        let mut record = Self { partition: fields.i32()?, topic_id: fields.uuid()?, ..Self::default() };
        fields.tagged(|tag, content| {
            match tag {
                0 => record.isr = read_nullable_nodes(content)?,
                1 => record.leader = Some(content.i32()?),
                2 => record.replicas = read_nullable_nodes(content)?,
                3 => record.removing_replicas = read_nullable_nodes(content)?,
                4 => record.adding_replicas = read_nullable_nodes(content)?,
                5 => record.leader_recovery_state = Some(content.i8()?),
                8 => record.directories = content.nullable_list(UUID_LEN, FieldReader::uuid)?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(record)
    }

    pub(super) fn write(&self, fields: &mut FieldWriter<'_>) {
        fields.i32(self.partition);
        fields.uuid(self.topic_id);
    }

    pub(super) fn tagged(&self) -> Vec<(u32, Vec<u8>)> {
        let nodes = |nodes: &Option<Vec<i32>>| nodes.as_deref().map(list_of_nodes);
        let fields = [
            (0, nodes(&self.isr)),
            (1, self.leader.map(|leader| leader.to_be_bytes().to_vec())),
            (2, nodes(&self.replicas)),
            (3, nodes(&self.removing_replicas)),
            (4, nodes(&self.adding_replicas)),
            (5, self.leader_recovery_state.map(|state| vec![state as u8])),
            (8, self.directories.as_deref().map(list_of_uuids)),
        ];
        fields.into_iter().filter_map(|(tag, content)| Some((tag, content?))).collect()
    }
}

fn read_nodes(fields: &mut FieldReader<'_>) -> Result<Vec<i32>, FieldError> {
    fields.list(NODE_LEN, FieldReader::i32)
}

fn read_nullable_nodes(fields: &mut FieldReader<'_>) -> Result<Option<Vec<i32>>, FieldError> {
    fields.nullable_list(NODE_LEN, FieldReader::i32)
}

fn list_of_nodes(nodes: &[i32]) -> Vec<u8> {
    let mut out = Vec::new();
    FieldWriter::new(&mut out, true).list(nodes, |fields, node| fields.i32(*node));
    out
}

fn list_of_uuids(ids: &[Uuid]) -> Vec<u8> {
    let mut out = Vec::new();
    FieldWriter::new(&mut out, true).list(ids, |fields, id| fields.uuid(*id));
    out
}
