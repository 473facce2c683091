//! The rows of a transaction, in the fewest statements that keep their order.

use std::collections::HashMap;
use std::ops::Range;

use bytes::BufMut;

use super::binary::Unfit;
use super::column::{Column, ColumnKind};
use super::names::{TableName, quoted};
use super::row::Row;
use super::table::Table;

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Binary,
    /// What the server alone can read.
    Text,
}

/// Rows of one table that one statement writes.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) table: TableName,
    /// What the table was like.
    pub(super) shape: u64,
    pub(super) is_delete: bool,
    /// Whether its rows are merged into their table, so that the last of a key counts, or only appended.
    pub(super) is_staged: bool,
    pub(super) format: Format,
    /// What the fields of its rows are called, and their columns; `None` for a null that the table has no column for.
    fields: Vec<(String, Option<Column>)>,
    /// How many of the columns, from the first, are the key.
    pub(super) keys: usize,
    /// The rows that were not taken yet, as `COPY` takes them, those too that a later one has replaced.
    bytes: Vec<u8>,
    /// Where in the bytes each row is, where rows of one key replace each other; `None`: a later one has replaced it.
    rows: Vec<Option<Range<usize>>>,
    /// How many rows there were; each is known by how many came before it.
    count: i32,
    /// The last row of each key.
    last: HashMap<Box<[u8]>, i32, foldhash::fast::RandomState>,
    /// Rows that were taken already when a later one replaced them.
    pub(super) replaced: Vec<i32>,
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
        let at = self.run(name, table, row, replaces)?;
        let why = match self.runs[at].add(name, row) {
            Ok(()) => return Ok(()),
            Err(why) => why,
        };
        match why {
            Unfit::Refused(why) => Err(why),
            Unfit::Text => {
                // The rest is written as text too: values of a column are alike.
                let mut run = Run::new(name, table, row, replaces)?;
                run.format = Format::Text;
                let added = run.add(name, row);
                if self.runs[at].is_empty() {
                    self.runs[at] = run;
                } else {
                    self.runs.push(run);
                }
                added.map_err(|why| match why {
                    Unfit::Refused(why) => why,
                    Unfit::Text => format!("a row of table {name} is larger than PostgreSQL takes"),
                })
            }
        }
    }

    /// The run that a row with these columns belongs to: the last of its table, or a new one. Runs of other tables may lie
    /// between: their order among themselves is theirs.
    fn run(
        &mut self,
        name: &TableName,
        table: &Table,
        row: &Row<'_>,
        replaces: bool,
    ) -> Result<usize, String> {
        let last = self.runs.iter().rposition(|run| run.table == *name);
        let fits = |run: &Run| run.is_delete == row.is_delete && run.takes(table, row);
        if let Some(at) = last.filter(|at| fits(&self.runs[*at])) {
            return Ok(at);
        }
        self.runs.push(Run::new(name, table, row, replaces)?);
        Ok(self.runs.len() - 1)
    }
}

impl Run {
    fn new(name: &TableName, table: &Table, row: &Row<'_>, replaces: bool) -> Result<Self, String> {
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
            is_staged: replaces || row.is_delete,
            format: Format::Binary,
            keys: row.keys,
            fields,
            bytes: Vec::new(),
            rows: Vec::new(),
            count: 0,
            last: HashMap::default(),
            replaced: Vec::new(),
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

    fn add(&mut self, name: &TableName, row: &Row<'_>) -> Result<(), Unfit> {
        let start = self.bytes.len();
        match self.append(name, row) {
            Ok(key_end) => {
                if self.is_staged {
                    self.replace(start, key_end);
                }
                self.count += 1;
                Ok(())
            }
            Err(why) => {
                self.bytes.truncate(start);
                Err(why)
            }
        }
    }

    /// Appends a row; returns where its key ends.
    fn append(&mut self, name: &TableName, row: &Row<'_>) -> Result<usize, Unfit> {
        self.begin_row();
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
                return Err(Unfit::Refused(lacks(name, cell.column)));
            };
            if column.is_required && cell.value.is_null() {
                let why = format!("column {} of table {name} takes no null", column.name);
                return Err(Unfit::Refused(why));
            }
            let written = match self.format {
                Format::Binary => column.kind.write_binary(&cell.value, &mut self.bytes),
                Format::Text => {
                    if !is_first {
                        self.bytes.push(b'\t');
                    }
                    column.kind.write(&cell.value, &mut self.bytes).map_err(Unfit::Refused)
                }
            };
            is_first = false;
            written.map_err(|why| match why {
                Unfit::Refused(why) => {
                    Unfit::Refused(format!("column {} of table {name}: {why}", column.name))
                }
                Unfit::Text => Unfit::Text,
            })?;
            if at < row.keys {
                key_end = self.bytes.len();
            }
        }
        self.end_row();
        Ok(key_end)
    }

    fn begin_row(&mut self) {
        if self.format == Format::Binary {
            let width = self.columns().count() + usize::from(self.is_staged);
            // A table has 1 600 columns at most.
            self.bytes.put_i16(i16::try_from(width).unwrap_or(i16::MAX));
        }
    }

    /// A row that is merged says which one it is.
    fn end_row(&mut self) {
        match self.format {
            Format::Binary if self.is_staged => {
                self.bytes.put_i32(size_of::<i32>() as i32);
                self.bytes.put_i32(self.count);
            }
            Format::Binary => {}
            Format::Text => {
                if self.is_staged {
                    self.bytes.extend_from_slice(format!("\t{}", self.count).as_bytes());
                }
                self.bytes.push(b'\n');
            }
        }
    }

    /// The row that was appended takes the place of an earlier one of its key.
    fn replace(&mut self, start: usize, key_end: usize) {
        let key: Box<[u8]> = self.bytes[start..key_end].into();
        if let Some(replaced) = self.last.insert(key, self.count) {
            let back = usize::try_from(self.count - replaced).unwrap_or(usize::MAX);
            match self.rows.len().checked_sub(back) {
                Some(at) => self.rows[at] = None,
                None => self.replaced.push(replaced),
            }
        }
        self.rows.push(Some(start..self.bytes.len()));
    }

    /// Whether rows of one key have keys that are written alike, so that the last of them is known. A time that is text may be written
    /// in many ways.
    pub(super) fn is_exact(&self) -> bool {
        let plain = |kind| {
            matches!(
                kind,
                ColumnKind::Boolean | ColumnKind::Integer(_) | ColumnKind::Text | ColumnKind::Bytes
            )
        };
        let is_exact =
            |column: &Column| column.is_exact && (self.format == Format::Binary || plain(column.kind));
        self.fields[..self.keys].iter().all(|(_, column)| column.as_ref().is_some_and(is_exact))
    }

    /// Whether there was no row.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many bytes of rows there are that were not taken.
    pub(super) fn length(&self) -> usize {
        self.bytes.len()
    }

    /// Takes all there is as a run of its own, before which none was taken. What is added from now on comes after it.
    pub(super) fn cut(&mut self) -> Self {
        let rest = Self {
            table: self.table.clone(),
            fields: self.fields.clone(),
            bytes: Vec::with_capacity(self.bytes.len()),
            rows: Vec::new(),
            count: 0,
            last: HashMap::default(),
            replaced: Vec::new(),
            ..*self
        };
        std::mem::replace(self, rest)
    }

    /// Takes the rows that count so far, as `COPY` takes them.
    pub(super) fn take(&mut self) -> Vec<u8> {
        let room = self.bytes.len();
        let bytes = std::mem::replace(&mut self.bytes, Vec::with_capacity(room));
        if self.rows.iter().all(Option::is_some) {
            self.rows.clear();
            return bytes;
        }
        let mut out = Vec::with_capacity(room);
        self.rows.drain(..).flatten().for_each(|row| out.extend_from_slice(&bytes[row]));
        out
    }
}

fn lacks(name: &TableName, column: &str) -> String {
    format!(
        "table {name} has no column {}: add it, set auto.evolve=true, or leave the field out with fields.whitelist",
        quoted(column)
    )
}
