//! The tables that are written to, as the database says they are.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use tokio_postgres::{Client, Error, Statement, Transaction};

use super::column::{Column, ColumnKind, is_exact};
use super::error::{describe, task_error};
use super::names::{TableName, quoted};
use super::row::{Cell, Row};
use crate::TaskError;

/// A table that is there.
#[derive(Debug, Default)]
pub(super) struct Table {
    columns: HashMap<String, Column, foldhash::fast::RandomState>,
    /// Another where a column or its type is another.
    shape: u64,
}

impl Table {
    pub(super) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.get(name)
    }

    pub(super) fn shape(&self) -> u64 {
        self.shape
    }

    /// Whether a row has a value that there is no column for.
    pub(super) fn lacks(&self, row: &Row<'_>) -> bool {
        row.cells.iter().any(|cell| self.column(cell.column).is_none() && !cell.value.is_null())
    }
}

/// What columns a table has.
const COLUMNS: &str = "SELECT a.attname, t.typname, a.attnotnull AND NOT a.atthasdef AND a.attidentity = '', \
     a.atttypid, a.atttypmod FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid \
     WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' \
     ORDER BY a.attnum";

/// Asks what columns a table has. `None`: there is no such table.
pub(super) async fn look_up(client: &Client, name: &TableName) -> Result<Option<Table>, TaskError> {
    let rows = client.query(COLUMNS, &[&name.to_string()]).await.map_err(|error| task_error(&error))?;
    Ok(read(&rows))
}

/// Prepares what [`is_still`] asks.
pub(super) async fn prepare_check(client: &Client) -> Result<Statement, TaskError> {
    client.prepare(COLUMNS).await.map_err(|error| task_error(&error))
}

/// Whether a table is what it was when it was looked up. Nobody changes it any more once the transaction has written to it.
pub(super) async fn is_still(
    transaction: &Transaction<'_>,
    check: &Statement,
    (name, shape): &(TableName, u64),
) -> Result<bool, Error> {
    let rows = transaction.query(check, &[&name.to_string()]).await?;
    Ok(read(&rows).is_some_and(|table| table.shape == *shape))
}

fn read(rows: &[tokio_postgres::Row]) -> Option<Table> {
    let mut shape = DefaultHasher::new();
    let columns = rows.iter().map(|row| {
        let name: String = row.get(0);
        let kind = ColumnKind::of(row.get(1));
        (&name, row.get::<_, u32>(3), row.get::<_, i32>(4)).hash(&mut shape);
        (name.clone(), Column { name, kind, is_required: row.get(2), is_exact: is_exact(row.get(1)) })
    });
    let columns: HashMap<_, _, _> = columns.collect();
    (!columns.is_empty()).then(|| Table { columns, shape: shape.finish() })
}

/// Makes a table with the columns of a row, and of what type a null is, as other rows tell. `false`: nobody knows of any. Another
/// may be quicker: then it is there.
pub(super) async fn create<'a>(
    client: &Client,
    name: &TableName,
    row: &Row<'_>,
    others: impl Iterator<Item = &'a Row<'a>> + Clone,
) -> Result<bool, TaskError> {
    let mut columns: Vec<String> = Vec::new();
    for (at, cell) in row.cells.iter().enumerate() {
        let told = |cell: &Cell<'_>| ColumnKind::sql_for(cell.schema, &cell.value);
        let of_others = || {
            let same =
                others.clone().flat_map(|other| &other.cells).filter(|other| other.column == cell.column);
            same.filter_map(told).next()
        };
        // A null of which nothing is known gets its column when a value comes.
        let Some(kind) = told(cell).or_else(of_others) else { continue };
        let required = if at < row.keys { " NOT NULL" } else { "" };
        columns.push(format!("{} {kind}{required}", quoted(cell.column)));
    }
    if columns.is_empty() {
        return Ok(false);
    }
    if row.keys > 0 {
        let keys = row.cells[..row.keys].iter().map(|cell| cell.column);
        columns.push(format!("PRIMARY KEY ({})", super::names::quoted_list(keys)));
    }
    alter(client, &format!("CREATE TABLE IF NOT EXISTS {name} ({})", columns.join(", "))).await?;
    Ok(true)
}

/// Adds the columns of a row that a table has not.
pub(super) async fn evolve(
    client: &Client,
    name: &TableName,
    table: &Table,
    row: &Row<'_>,
) -> Result<(), TaskError> {
    let missing = row.cells.iter().filter(|cell| table.column(cell.column).is_none());
    let added: Vec<String> = missing
        .filter_map(|cell| {
            let kind = ColumnKind::sql_for(cell.schema, &cell.value)?;
            Some(format!("ADD COLUMN IF NOT EXISTS {} {kind}", quoted(cell.column)))
        })
        .collect();
    if added.is_empty() {
        return Ok(());
    }
    alter(client, &format!("ALTER TABLE {name} {}", added.join(", "))).await
}

async fn alter(client: &Client, statement: &str) -> Result<(), TaskError> {
    tracing::info!("{statement}");
    let Err(error) = client.batch_execute(statement).await else { return Ok(()) };
    // Unique violation in the catalogue, duplicate table: another task was quicker by a moment.
    if error.code().is_some_and(|code| matches!(code.code(), "23505" | "42P07")) {
        return Ok(());
    }
    match task_error(&error) {
        retry @ TaskError::Retry { .. } => Err(retry),
        _ => Err(TaskError::fatal(format!("{}: {statement}", describe(&error)))),
    }
}
