//! What of a record goes into which column.

use std::borrow::Cow;

use super::options::{KeyMode, PostgresSinkOptions};
use crate::Record;
use crate::data::{Schema, SchemaAndValue, Value};

/// The columns of `pk.mode=kafka`, where nothing else is said: Confluent's names.
const KAFKA_COLUMNS: [&str; 3] = ["__connect_topic", "__connect_partition", "__connect_offset"];

/// A record as a row: those of its key first.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) cells: Vec<Cell<'a>>,
    /// How many of the cells are the key.
    pub(super) keys: usize,
    pub(super) is_delete: bool,
}

/// A value and the column it goes to.
#[derive(Debug)]
pub(super) struct Cell<'a> {
    pub(super) column: &'a str,
    pub(super) schema: Option<&'a Schema>,
    pub(super) value: Cow<'a, Value>,
}

impl<'a> Row<'a> {
    /// The cells that are written: of a row that is deleted, those of its key.
    pub(super) fn written(&self) -> &[Cell<'a>] {
        if self.is_delete { &self.cells[..self.keys] } else { &self.cells }
    }

    /// Reads a record.
    ///
    /// # Errors
    /// What it lacks.
    pub(super) fn of(record: &'a Record, options: &'a PostgresSinkOptions) -> Result<Self, String> {
        Self::of_in(record, options, Vec::new())
    }

    /// Reads a record into cells of another, which are thrown away.
    ///
    /// # Errors
    /// As [`Row::of`].
    pub(super) fn of_in(
        record: &'a Record,
        options: &'a PostgresSinkOptions,
        mut cells: Vec<Cell<'a>>,
    ) -> Result<Self, String> {
        cells.clear();
        add_keys(record, options, &mut cells)?;
        let keys = cells.len();
        let is_delete = record.value.value.is_null();
        if is_delete && !options.deletes {
            return Err(
                "a record without a value deletes a row: set delete.enabled=true and pk.mode=record_key, \
                        or drop it with a filter on RecordIsTombstone"
                    .to_owned(),
            );
        }
        if !is_delete {
            let wanted =
                |name: &str| options.fields.is_empty() || options.fields.iter().any(|field| field == name);
            fields(&record.value)?.for_each(|cell| {
                if wanted(cell.column) && !cells[..keys].iter().any(|key| key.column == cell.column) {
                    cells.push(cell);
                }
            });
        }
        if let Some(null) = cells[..keys].iter().find(|cell| cell.value.is_null()) {
            return Err(format!("the key column {} is null", null.column));
        }
        if cells.is_empty() {
            return Err("it has no fields to write".to_owned());
        }
        Ok(Self { cells, keys, is_delete })
    }
}

fn add_keys<'a>(
    record: &'a Record,
    options: &'a PostgresSinkOptions,
    cells: &mut Vec<Cell<'a>>,
) -> Result<(), String> {
    let named = &options.key_fields;
    match options.key_mode {
        KeyMode::None => {}
        KeyMode::Kafka => cells.extend(kafka_keys(record, named)?),
        KeyMode::RecordKey => {
            if record.key.value.is_null() {
                return Err("pk.mode=record_key, and it has no key".to_owned());
            }
            let is_object = matches!(record.key.value, Value::Struct(_) | Value::Map(_));
            match (is_object, named.as_slice()) {
                (false, [column]) => cells.push(whole(column, &record.key)),
                (false, _) => return Err("its key is one value: name its one column in pk.fields".to_owned()),
                (true, []) => cells.extend(fields(&record.key)?),
                (true, named) => add_picked(&record.key, named, "key", cells)?,
            }
        }
        KeyMode::RecordValue if record.value.value.is_null() => {
            return Err("pk.mode=record_value, and it has no value".to_owned());
        }
        KeyMode::RecordValue => add_picked(&record.value, named, "value", cells)?,
        KeyMode::RecordHeader => {
            for name in named {
                let header = record.headers.iter().rev().find(|(header, _)| header == name);
                let (_, value) = header.ok_or_else(|| format!("it has no header {name}"))?;
                cells.push(whole(name, value));
            }
        }
    }
    Ok(())
}

fn kafka_keys<'a>(record: &'a Record, named: &'a [String]) -> Result<impl Iterator<Item = Cell<'a>>, String> {
    let origin = record.origin.as_ref().ok_or(
        "pk.mode=kafka, and it has no place of its own in a topic: at the end of a topology a timer made it, or it is not the first \
         that was made of a record. Write it by its key: pk.mode=record_key",
    )?;
    let values =
        [Value::String(origin.topic.clone()), Value::Int32(origin.partition), Value::Int64(origin.offset)];
    let names =
        KAFKA_COLUMNS.iter().enumerate().map(|(at, name)| named.get(at).map_or(*name, String::as_str));
    Ok(names.zip(values).map(|(column, value)| Cell { column, schema: None, value: Cow::Owned(value) }))
}

fn whole<'a>(column: &'a str, of: &'a SchemaAndValue) -> Cell<'a> {
    Cell { column, schema: of.schema.as_deref(), value: Cow::Borrowed(&of.value) }
}

/// Fields of an object by their names.
fn add_picked<'a>(
    of: &'a SchemaAndValue,
    names: &'a [String],
    what: &str,
    cells: &mut Vec<Cell<'a>>,
) -> Result<(), String> {
    for name in names {
        let cell = fields(of)?.find(|cell| cell.column == name);
        cells.push(cell.ok_or_else(|| format!("its {what} has no field {name}"))?);
    }
    Ok(())
}

/// All fields of an object.
fn fields(of: &SchemaAndValue) -> Result<impl Iterator<Item = Cell<'_>>, String> {
    if !matches!(of.value, Value::Struct(_) | Value::Map(_)) {
        let is = of.value.kind_name();
        return Err(format!(
            "a row is made of an object, and this is {is}: HoistField makes an object of it"
        ));
    }
    let schema = of.schema.as_deref();
    Ok(of.value.fields().map(move |(column, value)| {
        let schema = schema.and_then(|schema| schema.field(column)).map(|field| &*field.schema);
        Cell { column, schema, value: Cow::Borrowed(value) }
    }))
}
