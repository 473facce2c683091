//! The tables that are written to, as the database says they are.

use std::collections::HashMap;

use tokio_postgres::Client;

use super::column::{Column, ColumnKind};
use super::error::{describe, task_error};
use super::names::{TableName, quoted};
use super::options::PostgresSinkOptions;
use super::row::Row;
use crate::TaskError;

/// A table that is there.
#[derive(Debug, Default)]
pub(super) struct Table {
    columns: HashMap<String, Column>,
}

impl Table {
    pub(super) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.get(name)
    }
}

/// Asks what columns a table has. `None`: there is no such table.
pub(super) async fn look_up(client: &Client, name: &TableName) -> Result<Option<Table>, TaskError> {
    const COLUMNS: &str = "SELECT a.attname, t.typname, a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' \
         FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid \
         WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''";
    let rows = client.query(COLUMNS, &[&name.to_string()]).await.map_err(|error| task_error(&error))?;
    let columns = rows.iter().map(|row| {
        let name: String = row.get(0);
        let kind = ColumnKind::of(row.get(1));
        (name.clone(), Column { name, kind, is_required: row.get(2) })
    });
    let columns: HashMap<String, Column> = columns.collect();
    Ok((!columns.is_empty()).then_some(Table { columns }))
}

/// Makes a table with the columns of a row. Another may be quicker: then it is there.
pub(super) async fn create(client: &Client, name: &TableName, row: &Row<'_>) -> Result<(), TaskError> {
    let mut columns: Vec<String> = Vec::new();
    for (at, cell) in row.cells.iter().enumerate() {
        // A null of which nothing is known gets its column when a value comes.
        let Some(kind) = ColumnKind::sql_for(cell.schema, &cell.value) else { continue };
        let required = if at < row.keys { " NOT NULL" } else { "" };
        columns.push(format!("{} {kind}{required}", quoted(cell.column)));
    }
    if row.keys > 0 {
        let keys = row.cells[..row.keys].iter().map(|cell| cell.column);
        columns.push(format!("PRIMARY KEY ({})", super::names::quoted_list(keys)));
    }
    alter(client, &format!("CREATE TABLE IF NOT EXISTS {name} ({})", columns.join(", "))).await
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
    match client.batch_execute(statement).await {
        Ok(()) => Ok(()),
        // Unique violation in the catalogue, duplicate table: another task was quicker by a moment.
        Err(error)
            if error
                .as_db_error()
                .is_some_and(|refusal| matches!(refusal.code().code(), "23505" | "42P07")) =>
        {
            Ok(())
        }
        Err(error) if error.is_closed() => Err(task_error(&error)),
        Err(error) => Err(TaskError::fatal(format!("{}: {statement}", describe(&error)))),
    }
}

/// Which columns of a table a row lacks or has too many of; `Ok` where it fits.
pub(super) fn fits(
    name: &TableName,
    table: &Table,
    row: &Row<'_>,
    options: &PostgresSinkOptions,
) -> Result<(), String> {
    // A null has no need of a column.
    let strange = row.cells.iter().find(|cell| table.column(cell.column).is_none() && !cell.value.is_null());
    match strange {
        Some(cell) if !options.evolves => Err(format!(
            "table {name} has no column {}: add it, set auto.evolve=true, or leave the field out with fields.whitelist",
            quoted(cell.column)
        )),
        _ => Ok(()),
    }
}
