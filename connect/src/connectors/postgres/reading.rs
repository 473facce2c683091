//! The statement that reads new rows of a table or a query, and what its rows become.

use std::sync::Arc;

use tokio_postgres::types::Type as SqlType;
use tokio_postgres::{Client, Error, Row};

use super::names::{TableName, quoted};
use super::options::{PostgresSourceOptions, SourceMode};
use crate::data::{Schema, SchemaAndValue, SchemaBuilder, Struct, Value};
use crate::{SourceOffset, TaskError};

/// Only rows of transactions before which all others have ended. A row that is committed while an earlier transaction is open
/// is left for later: the earlier one may hold a smaller number, which would be passed over for ever.
const HORIZON: &str = "age(source.xmin) > age(pg_snapshot_xmin(pg_current_snapshot())::xid)";

/// The cursor of a session that reads all rows of a table.
const CURSOR: &str = "millstream_all";

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
        Self { number: number("incrementing"), changed: number("timestamp_us") }
    }

    pub(super) fn to_offset(self) -> SourceOffset {
        let mut offset = SourceOffset::new();
        let parts = [("incrementing", self.number), ("timestamp_us", self.changed)];
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
    pub(super) statement: String,
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

/// How a column is read.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Boolean,
    Int16,
    Int32,
    Int64,
    Float32,
    Float64,
    Decimal,
    Bytes,
    Date,
    Time,
    Timestamp,
    Text,
}

impl Kind {
    fn of(kind: &SqlType) -> Self {
        match *kind {
            SqlType::BOOL => Self::Boolean,
            SqlType::INT2 => Self::Int16,
            SqlType::INT4 => Self::Int32,
            SqlType::INT8 => Self::Int64,
            SqlType::FLOAT4 => Self::Float32,
            SqlType::FLOAT8 => Self::Float64,
            SqlType::NUMERIC => Self::Decimal,
            SqlType::BYTEA => Self::Bytes,
            SqlType::DATE => Self::Date,
            SqlType::TIME => Self::Time,
            SqlType::TIMESTAMP | SqlType::TIMESTAMPTZ => Self::Timestamp,
            _ => Self::Text,
        }
    }

    /// What is asked for, of a column whose name is quoted.
    fn select(self, name: &str) -> String {
        match self {
            Self::Date => format!("CASE WHEN isfinite({name}) THEN {name} - date '1970-01-01' END"),
            Self::Time => format!("(extract(epoch FROM {name}) * 1000)::int"),
            Self::Timestamp => {
                format!("CASE WHEN isfinite({name}) THEN (extract(epoch FROM {name}) * 1000)::bigint END")
            }
            Self::Decimal | Self::Text => format!("{name}::text"),
            _ => name.to_owned(),
        }
    }

    /// Of a column that may be null.
    fn schema(self) -> Result<Arc<Schema>, crate::data::DataError> {
        Ok(match self {
            Self::Boolean => Schema::optional_boolean(),
            Self::Int16 => Schema::optional_int16(),
            Self::Int32 => Schema::optional_int32(),
            Self::Int64 => Schema::optional_int64(),
            Self::Float32 => Schema::optional_float32(),
            Self::Float64 => Schema::optional_float64(),
            Self::Bytes => Schema::optional_bytes(),
            // A number knows its digits itself: text keeps them, as every column may have its own.
            Self::Text | Self::Decimal => Schema::optional_string(),
            Self::Date => Schema::date().optional().build()?,
            Self::Time => Schema::time().optional().build()?,
            Self::Timestamp => Schema::timestamp().optional().build()?,
        })
    }

    fn read(self, row: &Row, at: usize) -> Result<Value, Error> {
        fn value<'a, T: tokio_postgres::types::FromSql<'a>>(
            row: &'a Row,
            at: usize,
            make: impl Fn(T) -> Value,
        ) -> Result<Value, Error> {
            Ok(row.try_get::<_, Option<T>>(at)?.map_or(Value::Null, make))
        }
        match self {
            Self::Boolean => value(row, at, Value::Boolean),
            Self::Int16 => value(row, at, Value::Int16),
            Self::Int32 => value(row, at, Value::Int32),
            Self::Int64 => value(row, at, Value::Int64),
            Self::Float32 => value(row, at, Value::Float32),
            Self::Float64 => value(row, at, Value::Float64),
            Self::Bytes => value(row, at, |bytes: Vec<u8>| Value::bytes(bytes)),
            Self::Date => value(row, at, Value::Date),
            Self::Time => value(row, at, Value::Time),
            Self::Timestamp => value(row, at, Value::Timestamp),
            Self::Decimal | Self::Text => value(row, at, |text: &str| Value::string(text)),
        }
    }
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
        let asked = asked.map_err(|error| TaskError::fatal(super::error::describe(&error)))?;
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
            select.push(format!("{}::bigint AS millstream_number", of_source(number)));
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
        let wanted =
            Wanted { select: select.join(", "), source, number: number.map(|name| of_source(name)), since };
        let statement = wanted.statement(from, options.batch);
        Ok(Self { statement, columns, schema, has_number: number.is_some(), has_change: changed.is_some() })
    }

    /// The rows after a position.
    pub(super) async fn rows(&self, client: &Client, after: Position) -> Result<Vec<Row>, Error> {
        let Position { number, changed } = after;
        match (self.has_number, self.has_change) {
            (true, true) => client.query(&self.statement, &[&number, &changed]).await,
            (true, false) => client.query(&self.statement, &[&number]).await,
            (false, true) => client.query(&self.statement, &[&changed]).await,
            (false, false) => client.query(&self.statement, &[]).await,
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
        let rows = client.query(&format!("FETCH {batch} FROM {CURSOR}"), &[]).await?;
        if rows.len() < batch {
            client.batch_execute("COMMIT").await?;
            *is_under_way = false;
        }
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

/// The parts of a statement.
struct Wanted {
    select: String,
    source: String,
    /// The column that only grows.
    number: Option<String>,
    /// The column of changes, and how a number of microseconds, for which `{}` stands, becomes its type: an index on the column
    /// stays of use.
    since: Option<(String, String)>,
}

impl Wanted {
    /// Rows in an order in which a position means something, up to a batch and those that share the last one's change.
    fn statement(&self, from: &From, batch: usize) -> String {
        let Self { select, source, number, since } = self;
        // A query's rows have no transaction of their own.
        let horizon = if matches!(from, From::Table(_)) { format!(" AND {HORIZON}") } else { String::new() };
        let after = |how: &str, parameter: &str| how.replace("{}", parameter);
        match (number, since) {
            (None, None) => format!("SELECT {select} FROM {source}"),
            (Some(number), None) => format!(
                "SELECT {select} FROM {source} WHERE ($1::bigint IS NULL OR {number} > $1){horizon} \
                 ORDER BY {number} LIMIT {batch}"
            ),
            (None, Some((changed, how))) => format!(
                "SELECT {select} FROM {source} WHERE ($1::bigint IS NULL OR {changed} > {}){horizon} \
                 ORDER BY {changed} FETCH FIRST {batch} ROWS WITH TIES",
                after(how, "$1")
            ),
            (Some(number), Some((changed, how))) => format!(
                "SELECT {select} FROM {source} \
                 WHERE ($2::bigint IS NULL OR ({changed}, {number}) > ({}, $1::bigint)){horizon} \
                 ORDER BY {changed}, {number} LIMIT {batch}",
                after(how, "$2")
            ),
        }
    }
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
