use super::kind::Configured;
use super::{Target, Transform, TransformError};
use crate::data::{SchemaAndValue, parse};
use crate::options::{Fault, Options};
use crate::record::Record;

#[derive(Options, Clone, Debug)]
pub(super) struct DropOptions {
    /// The names of the headers to be removed.
    #[option(importance = "high", check = not_empty)]
    headers: Vec<String>,
}

pub(super) fn not_empty(list: &[String]) -> Result<(), String> {
    if list.is_empty() { Err("Empty list".to_owned()) } else { Ok(()) }
}

/// Removes headers.
#[derive(Debug)]
pub(super) struct DropHeaders {
    names: Vec<String>,
}

impl Configured for DropHeaders {
    type Options = DropOptions;

    fn new(options: DropOptions, _: Target) -> Result<Self, Fault> {
        Ok(DropHeaders { names: options.headers })
    }
}

impl Transform for DropHeaders {
    fn apply(&self, mut record: Record) -> Result<Option<Record>, TransformError> {
        record.headers.retain(|(name, _)| !self.names.contains(name));
        Ok(Some(record))
    }
}

#[derive(Options, Clone, Debug)]
pub(super) struct InsertOptions {
    /// The name of the header.
    #[option(importance = "high")]
    header: String,
    /// Its value on every record: a text that says by its looks what it is, so `1` is a number.
    #[option(name = "value.literal", importance = "high")]
    value: String,
}

/// Adds a header.
#[derive(Debug)]
pub(super) struct InsertHeader {
    name: String,
    value: SchemaAndValue,
}

impl Configured for InsertHeader {
    type Options = InsertOptions;

    fn new(options: InsertOptions, _: Target) -> Result<Self, Fault> {
        Ok(InsertHeader { name: options.header, value: parse(&options.value) })
    }
}

impl Transform for InsertHeader {
    fn apply(&self, mut record: Record) -> Result<Option<Record>, TransformError> {
        record.headers.push((self.name.clone(), self.value.clone()));
        Ok(Some(record))
    }
}
