//! The tables in which rows lie before they are merged into another: one for each table and set of columns.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};

use super::names::quoted_list;
use super::plan::Run;

/// The column that says which row of its transaction a row is; quoted.
pub(super) const NTH: &str = "\"millstream: nth\"";

/// A session keeps so many, or as many as a transaction needs.
const MAX_STAGED: usize = 16;

/// The staging tables of a session, the one that was used last at the end. They are empty between transactions.
#[derive(Debug, Default)]
pub(super) struct Staging(VecDeque<String>);

/// What a transaction does to them: it counts when that is committed.
#[derive(Debug, Default)]
pub(super) struct Staged {
    used: Vec<String>,
    dropped: usize,
}

impl Staging {
    /// The statement that readies a run's table, `None` where it is ready, or is not staged.
    pub(super) fn ready(&self, run: &Run, staged: &mut Staged) -> Option<String> {
        if !run.is_staged {
            return None;
        }
        let name = name(run);
        if staged.used.contains(&name) {
            return Some(format!("TRUNCATE {name}"));
        }
        staged.used.push(name.clone());
        if self.0.contains(&name) {
            return None;
        }
        let columns = quoted_list(run.columns());
        let create = format!(
            "CREATE TEMP TABLE IF NOT EXISTS {name} ON COMMIT DELETE ROWS AS SELECT {columns}, 0 AS {NTH} FROM {} WITH NO DATA",
            run.table
        );
        let new = staged.used.iter().filter(|used| !self.0.contains(*used)).count();
        let oldest = self.0.get(staged.dropped).filter(|oldest| !staged.used.contains(oldest));
        match oldest {
            Some(oldest) if self.0.len() - staged.dropped + new > MAX_STAGED => {
                staged.dropped += 1;
                Some(format!("DROP TABLE IF EXISTS {oldest}; {create}"))
            }
            _ => Some(create),
        }
    }

    /// The transaction is committed.
    pub(super) fn committed(&mut self, staged: Staged) {
        self.0.drain(..staged.dropped);
        self.0.retain(|known| !staged.used.contains(known));
        self.0.extend(staged.used);
    }
}

/// By the columns, since they come and go, and by what their table was like, since types change.
pub(super) fn name(run: &Run) -> String {
    let mut hasher = std::collections::hash_map::DefaultHasher::new();
    (&run.table, run.is_delete, run.shape).hash(&mut hasher);
    run.columns().for_each(|column| column.hash(&mut hasher));
    format!("millstream_staging_{:016x}", hasher.finish())
}
