//! The statement that reads new rows of a table or a query, and what its rows become.

use std::sync::Arc;

use tokio_postgres::types::Type as SqlType;
use tokio_postgres::{Client, Error, Row};

use super::names::{TableName, quoted};
use super::options::{PostgresSourceOptions, SourceMode};
use crate::data::{Schema, SchemaAndValue, SchemaBuilder, Struct, Value};
use crate::{SourceOffset, TaskError};

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

    /// This, and where it knows nothing, another.
    pub(super) fn or(self, other: Self) -> Self {
        Self { number: self.number.or(other.number), changed: self.changed.or(other.changed) }
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

/// How far is read once all transactions have ended that were begun when it was raised.
#[derive(Debug, Clone)]
pub(super) struct Fence {
    /// The largest number, or the latest change in microseconds, that was there.
    up_to: i64,
    /// The transactions that were open then, and had written: each holds a lock on its own id.
    open: Vec<String>,
}

impl Fence {
    async fn is_passed(&self, client: &Client) -> Result<bool, Error> {
        const PASSED: &str = "SELECT NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'transactionid' \
                              AND mode = 'ExclusiveLock' AND transactionid::text = ANY ($1))";
        client.query_one(PASSED, &[&self.open]).await?.try_get(0)
    }
}

/// A statement, and what its columns become.
#[derive(Debug)]
pub(super) struct Reading {
    statement: String,
    /// Asks how far there is something, and what must have ended before that is read.
    fence: String,
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
        let (statement, fence) = (wanted.statement(options.batch), wanted.fence());
        Ok(Self {
            statement,
            fence,
            columns,
            schema,
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
        if !raised.is_passed(client).await? {
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
        let told = match (self.has_number, self.has_change) {
            (true, true) => client.query_one(&self.fence, &[&number, &changed]).await,
            (true, false) => client.query_one(&self.fence, &[&number]).await,
            (false, _) => client.query_one(&self.fence, &[&changed]).await,
        }?;
        let up_to: Option<i64> = told.try_get(0)?;
        let open: Vec<String> = told.try_get(1)?;
        Ok(up_to.map(|up_to| Fence { up_to, open }))
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
    /// What a position leaves.
    fn rest(&self) -> String {
        let after = |how: &str, parameter: &str| how.replace("{}", parameter);
        match (&self.number, &self.since) {
            (None, None) => "true".to_owned(),
            (Some(number), None) => {
                format!("{number} IS NOT NULL AND ($1::bigint IS NULL OR {number} > $1::bigint)")
            }
            (None, Some((changed, how))) => {
                format!(
                    "isfinite({changed}) AND ($1::bigint IS NULL OR {changed} > {})",
                    after(how, "$1::bigint")
                )
            }
            (Some(number), Some((changed, how))) => format!(
                "isfinite({changed}) AND {number} IS NOT NULL \
                 AND ($2::bigint IS NULL OR ({changed}, {number}) > ({}, $1::bigint))",
                after(how, "$2::bigint")
            ),
        }
    }

    /// Asks for the end of what is there, and for the transactions that may still add to it.
    fn fence(&self) -> String {
        let end = match (&self.number, &self.since) {
            (_, Some((changed, _))) => format!("(extract(epoch FROM {changed}) * 1000000)::bigint"),
            (Some(number), None) => format!("{number}::bigint"),
            (None, None) => "0".to_owned(),
        };
        let Self { source, .. } = self;
        let rest = self.rest();
        format!(
            "SELECT max({end}), (SELECT coalesce(array_agg(transactionid::text), '{{}}') FROM pg_locks \
             WHERE locktype = 'transactionid' AND mode = 'ExclusiveLock') FROM {source} WHERE {rest}"
        )
    }

    /// Rows in an order in which a position means something, up to a batch and those that share the last one's change.
    fn statement(&self, batch: usize) -> String {
        let Self { select, source, number, since } = self;
        let begin = format!("SELECT {select} FROM {source}");
        let rest = self.rest();
        match (number, since) {
            (None, None) => begin,
            (Some(number), None) => {
                format!("{begin} WHERE {rest} AND {number} <= $2::bigint ORDER BY {number} LIMIT {batch}")
            }
            (None, Some((changed, how))) => format!(
                "{begin} WHERE {rest} AND {changed} <= {} ORDER BY {changed} FETCH FIRST {batch} ROWS WITH TIES",
                how.replace("{}", "$2::bigint")
            ),
            (Some(number), Some((changed, how))) => format!(
                "{begin} WHERE {rest} AND {changed} <= {} ORDER BY {changed}, {number} LIMIT {batch}",
                how.replace("{}", "$3::bigint")
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
