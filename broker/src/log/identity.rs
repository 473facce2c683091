//! Whose directory this is (`meta.properties`), and which life of the broker.

use std::io;
use std::path::Path;

use millstream_wire::ids::{LeaderEpoch, NodeId};
use uuid::Uuid;

use super::LogError;
use super::partition_metadata::print_id;
use crate::storage::Storage;

const META_FILE: &str = "meta.properties";

/// Ours: the number of unclean starts, which is the leader epoch of every partition.
const EPOCH_FILE: &str = "leader-epoch";

const MAX_LEN: usize = 1 << 16;

/// Who owns a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// Drawn when the directory was made.
    pub(super) cluster_id: String,
    /// Whether the directory was made just now.
    pub(super) is_new: bool,
}

/// Reads the identity, or writes a new one into a directory without.
pub(super) fn claim(storage: &dyn Storage, dir: &Path, node_id: NodeId) -> Result<Identity, LogError> {
    let path = dir.join(META_FILE);
    let Some(text) = read(storage, &path)? else {
        let cluster_id = print_id(Uuid::new_v4());
        let directory_id = print_id(Uuid::new_v4());
        let text =
            format!("version=1\ncluster.id={cluster_id}\nnode.id={node_id}\ndirectory.id={directory_id}\n");
        storage.replace(&path, text.as_bytes()).map_err(LogError::io("write", &path))?;
        return Ok(Identity { cluster_id, is_new: true });
    };
    let property = |name: &str| {
        let lines = text.lines().filter_map(|line| line.split_once('='));
        lines.filter(|(key, _)| *key == name).map(|(_, value)| value.trim().to_owned()).next()
    };
    let damaged = |reason: &str| LogError::Damaged { path: path.clone(), reason: reason.to_owned() };
    let found = property("node.id").ok_or_else(|| damaged("it names no node.id"))?;
    if found != node_id.to_string() {
        let (found, expected) = (format!("node.id {found}"), format!("node.id {node_id}"));
        return Err(LogError::ForeignDirectory { path, found, expected });
    }
    let cluster_id = property("cluster.id").ok_or_else(|| damaged("it names no cluster.id"))?;
    Ok(Identity { cluster_id, is_new: false })
}

/// The leader epoch of the life that begins: one more than the last one's after an unclean end, durably.
pub(super) fn begin_life(storage: &dyn Storage, dir: &Path, clean: bool) -> Result<LeaderEpoch, LogError> {
    let path = dir.join(EPOCH_FILE);
    let last = read(storage, &path)?;
    let epoch = match &last {
        None => 0,
        Some(text) => {
            let damaged =
                |_| LogError::Damaged { path: path.clone(), reason: format!("{text:?} is no number") };
            text.trim().parse::<i32>().map_err(damaged)? + i32::from(!clean)
        }
    };
    if last.is_none() || !clean {
        storage.replace(&path, format!("{epoch}\n").as_bytes()).map_err(LogError::io("write", &path))?;
    }
    Ok(LeaderEpoch(epoch))
}

fn read(storage: &dyn Storage, path: &Path) -> Result<Option<String>, LogError> {
    match storage.read_small(path, MAX_LEN) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(LogError::Damaged { path: path.to_owned(), reason: "it is not text".to_owned() }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(LogError::io("read", path)(error)),
    }
}
