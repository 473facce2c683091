//! How far each store of a task is tied to its changelog.

use ::rocksdb::WriteBatch;
use uuid::Uuid;

use super::TaskDatabase;
use super::database::OFFSETS;
use crate::store::backend::Checkpoint;
use crate::store::error::StoreError;

/// Bytes of a changelog position.
const POSITION_LEN: usize = 32;

impl TaskDatabase {
    pub(super) fn position(&self, store: &str) -> Result<Option<Checkpoint>, StoreError> {
        let stored = self.db().get_cf(&self.family(OFFSETS), store);
        let stored = stored.map_err(|error| StoreError::backend(store, error))?;
        stored.map(|bytes| decode(store, &bytes)).transpose()
    }

    pub(super) fn stage_position(&self, batch: &mut WriteBatch, store: &str, checkpoint: Checkpoint) {
        batch.put_cf(&self.family(OFFSETS), store, encode(checkpoint));
    }

    pub(super) fn forget_position(&self, batch: &mut WriteBatch, store: &str) {
        batch.delete_cf(&self.family(OFFSETS), store);
    }
}

fn encode(checkpoint: Checkpoint) -> [u8; POSITION_LEN] {
    let mut bytes = [0; POSITION_LEN];
    bytes[..8].copy_from_slice(&checkpoint.next_offset.to_be_bytes());
    bytes[8..16].copy_from_slice(&checkpoint.written_at.to_be_bytes());
    bytes[16..].copy_from_slice(checkpoint.changelog_id.as_bytes());
    bytes
}

fn decode(store: &str, bytes: &[u8]) -> Result<Checkpoint, StoreError> {
    let Ok(bytes) = <&[u8; POSITION_LEN]>::try_from(bytes) else {
        return Err(StoreError::Corrupt {
            store: store.to_owned(),
            what: format!("its changelog position has {} bytes instead of {POSITION_LEN}", bytes.len()),
        });
    };
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, id @ ..] = *bytes;
    Ok(Checkpoint {
        next_offset: i64::from_be_bytes([a, b, c, d, e, f, g, h]),
        written_at: i64::from_be_bytes([i, j, k, l, m, n, o, p]),
        changelog_id: Uuid::from_bytes(id),
    })
}
