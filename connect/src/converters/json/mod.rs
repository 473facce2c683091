//! JSON, with the schema in every message or without: Kafka's `JsonConverter`, which reads with Jackson.

mod from_tree;
mod reader;
mod schema;
mod schema_of;
mod tree;
mod verbatim;
mod writer;

use super::{ConvertError, Converter};
use crate::cache::Cache;
use crate::data::{Schema, SchemaAndValue, Value};
use crate::options::{Choice, Fault, Options};
use bytes::Bytes;
use std::borrow::Cow;
use std::sync::Arc;
use tree::Tree;

pub(crate) use verbatim::verbatim;

/// What can be said to a [`JsonConverter`].
#[derive(Options, Clone, Debug)]
pub struct JsonOptions {
    /// Whether each message is an object of `schema` and `payload`. Without, it is plain JSON and has no schema.
    #[option(name = "schemas.enable", default = true, importance = "high")]
    pub schemas_enable: bool,
    /// A schema as JSON: with `schemas.enable`, messages are read by it and are the payload alone.
    #[option(name = "schema.content", importance = "high")]
    pub schema_content: Option<String>,
    /// How many schemas are kept, to be neither read nor written twice.
    #[option(name = "schemas.cache.size", default = 1000, importance = "high")]
    pub schemas_cache_size: u32,
    /// How decimals are written: `base64` is their bytes, exact in every reader of the schema; `numeric` a number.
    #[option(name = "decimal.format", default = "base64", importance = "low")]
    pub decimal_format: DecimalFormat,
    /// Whether the default stands for a field's null.
    #[option(name = "replace.null.with.default", default = true, importance = "low")]
    pub replace_null_with_default: bool,
}

/// How a decimal is written in JSON.
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecimalFormat {
    /// The bytes of the unscaled value.
    #[choice("base64")]
    Base64,
    /// A number with all its digits.
    #[choice("numeric")]
    Numeric,
}

/// Reads and writes JSON.
#[derive(Debug)]
pub struct JsonConverter {
    schemas: bool,
    /// By which messages are read that do not carry theirs.
    schema: Option<Arc<Schema>>,
    writing: Writing,
    /// The JSON of schemas written before.
    written: Cache<Arc<Schema>, Arc<str>>,
    /// Schemas read before, by their very bytes.
    read: Cache<Bytes, Option<Arc<Schema>>>,
}

/// How values are written and read, apart from schemas.
#[derive(Clone, Copy, Debug)]
struct Writing {
    decimals: DecimalFormat,
    /// Whether the default stands for null.
    defaults: bool,
}

impl JsonConverter {
    /// A converter with these options.
    ///
    /// # Errors
    /// `schema.content` is not a schema.
    pub fn new(options: &JsonOptions) -> Result<Self, Fault> {
        let writing =
            Writing { decimals: options.decimal_format, defaults: options.replace_null_with_default };
        let size = options.schemas_cache_size;
        let schema = match options.schema_content.as_deref().filter(|text| !text.is_empty()) {
            None => None,
            Some(text) => read_schema(text.as_bytes(), writing)
                .map_err(|why| Fault::invalid("schema.content", text, &why.to_string()))?,
        };
        Ok(JsonConverter {
            schemas: options.schemas_enable,
            schema,
            writing,
            written: Cache::new(size),
            read: Cache::new(size),
        })
    }

    fn read_envelope(&self, bytes: &Bytes) -> Result<SchemaAndValue, ConvertError> {
        let (schema, payload) = reader::envelope(bytes)?;
        let text = bytes.slice(schema);
        let schema = match self.read.get(&text) {
            Some(schema) => schema,
            None => {
                let schema = read_schema(&text, self.writing)?;
                // A copy: the cache must not keep a whole fetch for a schema.
                self.read.put(Bytes::copy_from_slice(&text), schema.clone());
                schema
            }
        };
        let payload: Tree = reader::read(&bytes[payload])?;
        let value = from_tree::value(schema.as_ref(), payload, self.writing)?;
        Ok(SchemaAndValue { schema, value })
    }

    fn schema_text(&self, schema: &Arc<Schema>) -> Result<Arc<str>, ConvertError> {
        if let Some(text) = self.written.get(schema) {
            return Ok(text);
        }
        let mut text = Vec::new();
        schema_of::write(&mut text, schema, None, self.writing)?;
        let text: Arc<str> = String::from_utf8_lossy(&text).into();
        self.written.put(Arc::clone(schema), Arc::clone(&text));
        Ok(text)
    }
}

fn read_schema(text: &[u8], writing: Writing) -> Result<Option<Arc<Schema>>, ConvertError> {
    schema::read(&reader::read::<Tree>(text)?, writing)
}

impl Converter for JsonConverter {
    fn read(&self, _topic: &str, bytes: Option<&Bytes>) -> Result<SchemaAndValue, ConvertError> {
        let Some(bytes) = bytes else { return Ok(SchemaAndValue::NULL) };
        if !self.schemas {
            return Ok(SchemaAndValue::schemaless(reader::read::<Value>(bytes)?));
        }
        match &self.schema {
            None => self.read_envelope(bytes),
            Some(schema) => {
                let value = from_tree::value(Some(schema), reader::read(bytes)?, self.writing)?;
                Ok(SchemaAndValue { schema: Some(Arc::clone(schema)), value })
            }
        }
    }

    fn read_or_keep(&self, topic: &str, bytes: Option<&Bytes>) -> Result<SchemaAndValue, ConvertError> {
        match bytes.filter(|_| !self.schemas).and_then(verbatim::keep) {
            Some(kept) => Ok(kept),
            None => self.read(topic, bytes),
        }
    }

    fn write<'a>(
        &self,
        _topic: &str,
        data: &'a SchemaAndValue,
    ) -> Result<Option<Cow<'a, [u8]>>, ConvertError> {
        let SchemaAndValue { schema, value } = data;
        if schema.is_none() && value.is_null() {
            return Ok(None);
        }
        let mut json = Vec::new();
        if self.schemas {
            json.extend_from_slice(b"{\"schema\":");
            match schema {
                Some(schema) => json.extend_from_slice(self.schema_text(schema)?.as_bytes()),
                None => json.extend_from_slice(b"null"),
            }
            json.extend_from_slice(b",\"payload\":");
        }
        writer::write(&mut json, schema.as_deref(), value, self.writing)?;
        if self.schemas {
            json.push(b'}');
        }
        Ok(Some(json.into()))
    }
}

#[cfg(test)]
mod tests;
