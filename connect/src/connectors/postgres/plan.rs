//! The rows of a transaction, in the fewest statements that keep their order.

use std::collections::HashMap;
use std::ops::Range;

use super::column::Column;
use super::names::{TableName, quoted};
use super::row::Row;
use super::table::Table;

/// Rows of one table that one statement writes.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) table: TableName,
    /// What the table was like.
    pub(super) shape: u64,
    pub(super) is_delete: bool,
    /// What the fields of its rows are called, and their columns; `None` for a null that the table has no column for.
    fields: Vec<(String, Option<Column>)>,
    /// How many of the columns, from the first, are the key.
    pub(super) keys: usize,
    /// The rows as `COPY` takes them, those too that a later one has replaced.
    bytes: Vec<u8>,
    /// Where in the bytes each row is, where rows of one key replace each other; `None`: a later one has replaced it.
    rows: Vec<Option<Range<usize>>>,
    /// The last row of each key.
    last: HashMap<Box<[u8]>, usize, foldhash::fast::RandomState>,
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
        let run = self.run(name, table, row)?;
        run.add(name, row, replaces || row.is_delete)
    }

    /// The run that a row with these columns belongs to: the last of its table, or a new one. Runs of other tables may lie
    /// between: their order among themselves is theirs.
    fn run(&mut self, name: &TableName, table: &Table, row: &Row<'_>) -> Result<&mut Run, String> {
        let last = self.runs.iter().rposition(|run| run.table == *name);
        let fits = |run: &Run| run.is_delete == row.is_delete && run.takes(table, row);
        let at = match last.filter(|at| fits(&self.runs[*at])) {
            Some(at) => at,
            None => {
                self.runs.push(Run::new(name, table, row)?);
                self.runs.len() - 1
            }
        };
        Ok(&mut self.runs[at])
    }
}

impl Run {
    fn new(name: &TableName, table: &Table, row: &Row<'_>) -> Result<Self, String> {
        if let Some(key) = row.written()[..row.keys].iter().find(|cell| table.column(cell.column).is_none()) {
            return Err(lacks(name, key.column));
        }
        let field =
            |cell: &super::row::Cell<'_>| (cell.column.to_owned(), table.column(cell.column).cloned());
        let fields: Vec<_> = row.written().iter().map(field).collect();
        if fields.iter().all(|(_, column)| column.is_none()) {
            return Err(format!("none of its fields is a column of table {name}"));
        }
        Ok(Self {
            table: name.clone(),
            shape: table.shape(),
            is_delete: row.is_delete,
            keys: row.keys,
            fields,
            bytes: Vec::new(),
            rows: Vec::new(),
            last: HashMap::default(),
        })
    }

    pub(super) fn columns(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().filter(|(_, column)| column.is_some()).map(|(name, _)| name.as_str())
    }

    /// Whether a row has the columns of this run. Most have the very fields of the row before them.
    fn takes(&self, table: &Table, row: &Row<'_>) -> bool {
        let names = || row.written().iter().map(|cell| cell.column);
        names().eq(self.fields.iter().map(|(name, _)| name.as_str()))
            || names().filter(|name| table.column(name).is_some()).eq(self.columns())
    }

    fn add(&mut self, name: &TableName, row: &Row<'_>, replaces: bool) -> Result<(), String> {
        let start = self.bytes.len();
        match self.append(name, row) {
            Ok(key_end) => {
                if replaces {
                    self.replace(start, key_end);
                }
                Ok(())
            }
            Err(why) => {
                self.bytes.truncate(start);
                Err(why)
            }
        }
    }

    /// Appends the text of a row; returns where its key ends.
    fn append(&mut self, name: &TableName, row: &Row<'_>) -> Result<usize, String> {
        let mut columns = self.fields.iter();
        let (mut is_first, mut key_end) = (true, self.bytes.len());
        for (at, cell) in row.written().iter().enumerate() {
            // The fields are those of the row, but for nulls that have no column.
            let field = columns.clone().next().filter(|(name, _)| *name == cell.column);
            let column = match field {
                Some((_, column)) => {
                    columns.next();
                    column.as_ref()
                }
                None => self
                    .fields
                    .iter()
                    .find(|(name, _)| *name == cell.column)
                    .and_then(|(_, known)| known.as_ref()),
            };
            let Some(column) = column else {
                // A null has no need of a column.
                if cell.value.is_null() {
                    continue;
                }
                return Err(lacks(name, cell.column));
            };
            if !is_first {
                self.bytes.push(b'\t');
            }
            is_first = false;
            if column.is_required && cell.value.is_null() {
                return Err(format!("column {} of table {name} takes no null", column.name));
            }
            let written = column.kind.write(&cell.value, &mut self.bytes);
            written.map_err(|why| format!("column {} of table {name}: {why}", column.name))?;
            if at < row.keys {
                key_end = self.bytes.len();
            }
        }
        self.bytes.push(b'\n');
        Ok(key_end)
    }

    /// The row that was appended takes the place of an earlier one of its key.
    fn replace(&mut self, start: usize, key_end: usize) {
        let key: Box<[u8]> = self.bytes[start..key_end].into();
        if let Some(replaced) = self.last.insert(key, self.rows.len()) {
            self.rows[replaced] = None;
        }
        self.rows.push(Some(start..self.bytes.len()));
    }

    /// How many bytes of rows there are.
    pub(super) fn length(&self) -> usize {
        self.bytes.len()
    }

    /// The rows so far, where none replaces another.
    pub(super) fn take(&mut self) -> Vec<u8> {
        let room = self.bytes.len();
        std::mem::replace(&mut self.bytes, Vec::with_capacity(room))
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

fn lacks(name: &TableName, column: &str) -> String {
    format!(
        "table {name} has no column {}: add it, set auto.evolve=true, or leave the field out with fields.whitelist",
        quoted(column)
    )
}
