//! The statement that reads new rows of a table or a query, and what its rows become.

use std::sync::Arc;

use tokio_postgres::types::Type as SqlType;
use tokio_postgres::{Client, Error, Row};

use super::fence::Fence;
use super::kind::Kind;
use super::names::{TableName, quoted};
use super::options::{Awaited, PostgresSourceOptions, SourceMode};
use super::sound;
use super::statement::Wanted;
use crate::connectors::parts;
use crate::data::{Schema, SchemaAndValue, SchemaBuilder, Struct};
use crate::{SourceOffset, TaskError};

/// The cursor of a session that reads all rows of a table.
const CURSOR: &str = "millstream_all";

/// As positions have them.
const NUMBER: &str = "incrementing";
const CHANGED: &str = "timestamp_us";

/// What is read.
#[derive(Debug, Clone)]
pub(super) enum From {
    Table(TableName),
    Query(String),
}

/// How far it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Position {
    /// The largest number so far.
    pub(super) number: Option<i64>,
    /// The latest change so far, in microseconds since 1970.
    pub(super) changed: Option<i64>,
}

impl Position {
    pub(super) fn of(offset: &SourceOffset) -> Self {
        let number = |name: &str| offset.get(name).and_then(serde_json::Value::as_i64);
        Self { number: number(NUMBER), changed: number(CHANGED) }
    }

    /// Whether an offset says as much as a mode goes on from.
    pub(super) fn check(offset: &SourceOffset, mode: SourceMode) -> Result<(), String> {
        let (number, changed) = (format!("\"{NUMBER}\": 7"), format!("\"{CHANGED}\": 1700000000000000"));
        let (names, example) = match mode {
            SourceMode::Bulk => {
                return Err("Offsets cannot be set with mode=bulk, which reads all rows each time".to_owned());
            }
            SourceMode::Incrementing => (&[NUMBER][..], number),
            SourceMode::Timestamp => (&[CHANGED][..], changed),
            SourceMode::TimestampIncrementing => (&[NUMBER, CHANGED][..], format!("{number}, {changed}")),
        };
        let example = format!("{{{example}}}, the last that was read (times in microseconds since 1970)");
        // What another mode has stored besides is passed over.
        parts::is_whole(offset, names, &[NUMBER, CHANGED], serde_json::Value::is_i64, &example)
    }

    /// This, and where it knows nothing, another.
    pub(super) fn or(self, other: Self) -> Self {
        Self { number: self.number.or(other.number), changed: self.changed.or(other.changed) }
    }

    pub(super) fn to_offset(self) -> SourceOffset {
        let mut offset = SourceOffset::new();
        let parts = [(NUMBER, self.number), (CHANGED, self.changed)];
        for (name, value) in parts {
            if let Some(value) = value {
                offset.insert(name.to_owned(), value.into());
            }
        }
        offset
    }
}

/// A statement, and what its columns become.
#[derive(Debug)]
pub(super) struct Reading {
    statement: String,
    /// Asks how far there is something, and what must have ended before that is read.
    fence: String,
    awaited: Awaited,
    columns: Vec<Picked>,
    schema: Arc<Schema>,
    has_number: bool,
    has_change: bool,
}

#[derive(Debug)]
struct Picked {
    name: String,
    kind: Kind,
}

impl Reading {
    /// Asks the database what columns there are.
    pub(super) async fn plan(
        client: &Client,
        from: &From,
        options: &PostgresSourceOptions,
    ) -> Result<Self, TaskError> {
        let source = match from {
            From::Table(name) => format!("{name} AS source"),
            From::Query(query) => format!("({}) AS source", query.trim().trim_end_matches(';')),
        };
        let asked = client.prepare(&format!("SELECT * FROM {source} LIMIT 0")).await;
        let asked = asked.map_err(|error| super::error::task_error(&error))?;
        let columns: Vec<Picked> = asked
            .columns()
            .iter()
            .map(|column| Picked { name: column.name().to_owned(), kind: Kind::of(column.type_()) })
            .collect();
        let mut select: Vec<String> =
            columns.iter().map(|column| column.kind.select(&of_source(&column.name))).collect();
        let number = wanted(
            options.mode,
            &[SourceMode::Incrementing, SourceMode::TimestampIncrementing],
            &options.incrementing,
        );
        let changed = wanted(
            options.mode,
            &[SourceMode::Timestamp, SourceMode::TimestampIncrementing],
            &options.timestamp,
        );
        for column in [number, changed].into_iter().flatten() {
            if !columns.iter().any(|known| known.name == *column) {
                return Err(TaskError::fatal(format!("{source} has no column {column}")));
            }
        }
        if let Some(number) = number {
            // Through text, as the id of a transaction has no other way to a number.
            select.push(format!("{}::text::bigint AS millstream_number", of_source(number)));
        }
        if let Some(changed) = changed {
            select.push(format!(
                "(extract(epoch FROM {}) * 1000000)::bigint AS millstream_change",
                of_source(changed)
            ));
        }
        let schema = schema(&columns, from).map_err(TaskError::fatal)?;
        let changed_kind =
            asked.columns().iter().find(|column| Some(column.name()) == changed.map(String::as_str));
        let epoch = match changed_kind.map(|column| column.type_()) {
            Some(&SqlType::TIMESTAMP) => "timestamp 'epoch'",
            _ => "timestamptz 'epoch'",
        };
        let since =
            changed.map(|name| (of_source(name), format!("{epoch} + {{}} * interval '1 microsecond'")));
        let number_kind =
            asked.columns().iter().find(|column| Some(column.name()) == number.map(String::as_str));
        let is_transaction = number_kind.is_some_and(|column| *column.type_() == SqlType::XID8);
        let how = if is_transaction { "{}::text::xid8" } else { "{}" };
        let wanted = Wanted {
            select: select.join(", "),
            source,
            number: number.map(|name| (of_source(name), how)),
            is_transaction,
            awaited: options.awaited,
            since,
        };
        if options.mode != SourceMode::Bulk {
            sound::check(client, &wanted).await?;
        }
        let (statement, fence) = (wanted.statement(options.batch), wanted.fence());
        Ok(Self {
            statement,
            fence,
            columns,
            schema,
            awaited: options.awaited,
            has_number: number.is_some(),
            has_change: changed.is_some(),
        })
    }

    /// The rows after a position, up to a fence behind which nothing can come any more: a row that is committed while a transaction
    /// is open that may hold a smaller number, or an earlier change, is left for later, since the position would pass over it.
    pub(super) async fn new_rows(
        &self,
        client: &Client,
        fence: &mut Option<Fence>,
        after: Position,
        batch: usize,
    ) -> Result<Vec<Row>, Error> {
        if fence.is_none() {
            *fence = self.raise(client, after).await?;
        }
        let Some(raised) = fence.clone() else { return Ok(Vec::new()) };
        if !raised.is_passed(client, self.awaited).await? {
            return Ok(Vec::new());
        }
        let (Position { number, changed }, up_to) = (after, raised.up_to);
        let rows = match (self.has_number, self.has_change) {
            (true, true) => client.query(&self.statement, &[&number, &changed, &up_to]).await,
            (true, false) => client.query(&self.statement, &[&number, &up_to]).await,
            (false, _) => client.query(&self.statement, &[&changed, &up_to]).await,
        }?;
        if rows.len() < batch {
            *fence = None;
        }
        Ok(rows)
    }

    async fn raise(&self, client: &Client, after: Position) -> Result<Option<Fence>, Error> {
        let Position { number, changed } = after;
        match (self.has_number, self.has_change) {
            (true, true) => Fence::raise(client, &self.fence, &[&number, &changed]).await,
            (true, false) => Fence::raise(client, &self.fence, &[&number]).await,
            (false, _) => Fence::raise(client, &self.fence, &[&changed]).await,
        }
    }

    /// The next rows of all there are, and none after the last: by a cursor, so that a table of any size is read in batches.
    pub(super) async fn next_of_all(
        &self,
        client: &Client,
        is_under_way: &mut bool,
        batch: usize,
    ) -> Result<Vec<Row>, Error> {
        if !*is_under_way {
            let begin = format!(
                "ROLLBACK; BEGIN READ ONLY; DECLARE {CURSOR} NO SCROLL CURSOR FOR {}",
                self.statement
            );
            client.batch_execute(&begin).await?;
            *is_under_way = true;
        }
        // Should this be the last that is heard of it, the next begins anew: rows come twice, and none is left out.
        *is_under_way = false;
        let rows = client.query(&format!("FETCH {batch} FROM {CURSOR}"), &[]).await?;
        *is_under_way = rows.len() == batch;
        Ok(rows)
    }

    /// A row as a value, and the position after it.
    pub(super) fn value(&self, row: &Row) -> Result<(SchemaAndValue, Position), String> {
        let said = |error: Error| super::error::describe(&error);
        let mut values = Vec::with_capacity(self.columns.len());
        for (at, column) in self.columns.iter().enumerate() {
            values.push(column.kind.read(row, at).map_err(said)?);
        }
        let mut at = self.columns.len();
        let mut next = |wanted: bool| -> Result<Option<i64>, String> {
            if !wanted {
                return Ok(None);
            }
            let value = row.try_get(at).map_err(said)?;
            at += 1;
            Ok(value)
        };
        let position = Position { number: next(self.has_number)?, changed: next(self.has_change)? };
        let value = Struct::of(self.schema.clone(), values).map_err(|error| error.to_string())?;
        Ok((SchemaAndValue::new(self.schema.clone(), value), position))
    }
}

/// A column by a name that no column of the answer can take.
fn of_source(column: &str) -> String {
    format!("source.{}", quoted(column))
}

fn wanted<'a>(mode: SourceMode, modes: &[SourceMode], column: &'a Option<String>) -> Option<&'a String> {
    if modes.contains(&mode) { column.as_ref() } else { None }
}

fn schema(columns: &[Picked], from: &From) -> Result<Arc<Schema>, crate::data::DataError> {
    let mut builder: SchemaBuilder = Schema::structure();
    if let From::Table(name) = from {
        builder = builder.name(name.table.as_str());
    }
    for column in columns {
        builder = builder.field(column.name.as_str(), column.kind.schema()?);
    }
    builder.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_survives_its_storage() {
        for position in [
            Position::default(),
            Position { number: Some(7), changed: None },
            Position { number: Some(-1), changed: Some(1_431_857_103_000_001) },
        ] {
            assert_eq!(Position::of(&position.to_offset()), position);
        }
    }
}
