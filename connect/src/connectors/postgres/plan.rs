//! The rows of a transaction, in the fewest statements that keep their order.

use std::collections::HashMap;
use std::ops::Range;

use super::names::TableName;
use super::row::Row;
use super::table::Table;

/// Rows of one table that one statement writes.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) table: TableName,
    pub(super) columns: Vec<String>,
    /// How many of the columns, from the first, are the key.
    pub(super) keys: usize,
    pub(super) is_delete: bool,
    /// The rows as `COPY` takes them, those too that a later one has replaced.
    bytes: Vec<u8>,
    /// Where in the bytes each row is; `None`: a later one of the same key has replaced it.
    rows: Vec<Option<Range<usize>>>,
    /// The last row of each key, where rows of one key replace each other.
    last: HashMap<Box<[u8]>, usize>,
}

/// The statements of a transaction, in order.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) runs: Vec<Run>,
}

impl Plan {
    /// Adds a row. `replaces`: the last row of a key counts.
    ///
    /// # Errors
    /// Which column does not take its value.
    pub(super) fn add(
        &mut self,
        name: &TableName,
        table: &Table,
        row: &Row<'_>,
        replaces: bool,
    ) -> Result<(), String> {
        let cells = &row.cells[..if row.is_delete { row.keys } else { row.cells.len() }];
        let known = || cells.iter().filter(|cell| table.column(cell.column).is_some());
        if known().next().is_none() {
            return Err(format!("none of its fields is a column of table {name}"));
        }
        let (mut bytes, mut key_end) = (Vec::new(), 0);
        for (at, cell) in known().enumerate() {
            let Some(column) = table.column(cell.column) else { continue };
            if at > 0 {
                bytes.push(b'\t');
            }
            if column.is_required && cell.value.is_null() {
                return Err(format!("column {} of table {name} takes no null", column.name));
            }
            let written = column.kind.write(&cell.value, &mut bytes);
            written.map_err(|why| format!("column {} of table {name}: {why}", column.name))?;
            if at < row.keys {
                key_end = bytes.len();
            }
        }
        bytes.push(b'\n');
        let run = self.run(name, row, || known().map(|cell| cell.column));
        run.push(&bytes, (replaces || row.is_delete).then(|| bytes[..key_end].into()));
        Ok(())
    }

    /// The run that a row with these columns belongs to: the last of its table, or a new one. Runs of other tables may lie
    /// between: their order among themselves is theirs.
    fn run<'a, I: Iterator<Item = &'a str>>(
        &mut self,
        name: &TableName,
        row: &Row<'_>,
        columns: impl Fn() -> I,
    ) -> &mut Run {
        let last = self.runs.iter().rposition(|run| run.table == *name);
        let fits = |run: &Run| {
            run.is_delete == row.is_delete && columns().eq(run.columns.iter().map(String::as_str))
        };
        let at = match last.filter(|at| fits(&self.runs[*at])) {
            Some(at) => at,
            None => {
                self.runs.push(Run {
                    table: name.clone(),
                    columns: columns().map(str::to_owned).collect(),
                    keys: row.keys,
                    is_delete: row.is_delete,
                    bytes: Vec::new(),
                    rows: Vec::new(),
                    last: HashMap::new(),
                });
                self.runs.len() - 1
            }
        };
        &mut self.runs[at]
    }
}

impl Run {
    fn push(&mut self, row: &[u8], key: Option<Box<[u8]>>) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(row);
        if let Some(key) = key
            && let Some(replaced) = self.last.insert(key, self.rows.len())
        {
            self.rows[replaced] = None;
        }
        self.rows.push(Some(start..self.bytes.len()));
    }

    /// The rows that count, as `COPY` takes them.
    pub(super) fn into_copy(self) -> Vec<u8> {
        if self.rows.iter().all(Option::is_some) {
            return self.bytes;
        }
        let mut out = Vec::with_capacity(self.bytes.len());
        self.rows.into_iter().flatten().for_each(|row| out.extend_from_slice(&self.bytes[row]));
        out
    }
}
