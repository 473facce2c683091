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
        let mut cells = keys(record, options)?;
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
            let is_key = |name: &str| cells[..keys].iter().any(|cell| cell.column == name);
            let fields: Vec<Cell<'a>> =
                fields(&record.value)?.filter(|cell| wanted(cell.column) && !is_key(cell.column)).collect();
            cells.extend(fields);
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

fn keys<'a>(record: &'a Record, options: &'a PostgresSinkOptions) -> Result<Vec<Cell<'a>>, String> {
    let named = &options.key_fields;
    match options.key_mode {
        KeyMode::None => Ok(Vec::new()),
        KeyMode::Kafka => kafka_keys(record, named),
        KeyMode::RecordKey => {
            if record.key.value.is_null() {
                return Err("pk.mode=record_key, and it has no key".to_owned());
            }
            let is_object = matches!(record.key.value, Value::Struct(_) | Value::Map(_));
            match (is_object, named.as_slice()) {
                (false, [column]) => Ok(vec![whole(column, &record.key)]),
                (false, _) => Err("its key is one value: name its one column in pk.fields".to_owned()),
                (true, []) => Ok(fields(&record.key)?.collect()),
                (true, named) => picked(&record.key, named, "key"),
            }
        }
        KeyMode::RecordValue if record.value.value.is_null() => {
            Err("pk.mode=record_value, and it has no value".to_owned())
        }
        KeyMode::RecordValue => picked(&record.value, named, "value"),
        KeyMode::RecordHeader => named
            .iter()
            .map(|name| {
                let header = record.headers.iter().rev().find(|(header, _)| header == name);
                header.map(|(_, value)| whole(name, value)).ok_or_else(|| format!("it has no header {name}"))
            })
            .collect(),
    }
}

fn kafka_keys<'a>(record: &'a Record, named: &'a [String]) -> Result<Vec<Cell<'a>>, String> {
    let origin = record.origin.as_ref().ok_or("pk.mode=kafka, and nobody knows where it was read")?;
    let values =
        [Value::String(origin.topic.clone()), Value::Int32(origin.partition), Value::Int64(origin.offset)];
    let names =
        KAFKA_COLUMNS.iter().enumerate().map(|(at, name)| named.get(at).map_or(*name, String::as_str));
    Ok(names
        .zip(values)
        .map(|(column, value)| Cell { column, schema: None, value: Cow::Owned(value) })
        .collect())
}

fn whole<'a>(column: &'a str, of: &'a SchemaAndValue) -> Cell<'a> {
    Cell { column, schema: of.schema.as_deref(), value: Cow::Borrowed(&of.value) }
}

/// Fields of an object by their names.
fn picked<'a>(of: &'a SchemaAndValue, names: &'a [String], what: &str) -> Result<Vec<Cell<'a>>, String> {
    let all: Vec<Cell<'a>> = fields(of)?.collect();
    let mut picked = Vec::with_capacity(names.len());
    for name in names {
        let cell = all.iter().find(|cell| cell.column == name);
        let Cell { column, schema, value } = cell.ok_or_else(|| format!("its {what} has no field {name}"))?;
        picked.push(Cell { column, schema: *schema, value: value.clone() });
    }
    Ok(picked)
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
