use super::kind::Configured;
use super::schema_cache::SchemaCache;
use super::target::{map_of, struct_of};
use super::{Target, Transform, TransformError};
use crate::data::{Map, Schema, SchemaAndValue, SchemaBuilder, Struct, Value};
use crate::options::{Fault, Options};
use crate::record::Record;
use std::sync::Arc;

#[derive(Options, Clone, Debug)]
#[options(check = something)]
pub(super) struct InsertOptions {
    /// The field for the topic. `!` behind the name makes it required, `?` optional, as it is without.
    #[option(name = "topic.field")]
    topic: Option<String>,
    /// The field for the partition.
    #[option(name = "partition.field")]
    partition: Option<String>,
    /// The field for the offset; only a sink's records have one.
    #[option(name = "offset.field")]
    offset: Option<String>,
    /// The field for the record's time.
    #[option(name = "timestamp.field")]
    timestamp: Option<String>,
    /// The field for a text that is the same in all records.
    #[option(name = "static.field")]
    static_field: Option<String>,
    /// That text.
    #[option(name = "static.value")]
    static_value: Option<String>,
    /// Whether the default stands for a field's null.
    #[option(name = "replace.null.with.default", default = true)]
    defaults: bool,
}

fn something(options: &InsertOptions) -> Result<(), Fault> {
    let fields =
        [&options.topic, &options.partition, &options.offset, &options.timestamp, &options.static_field];
    if fields.iter().all(|field| field.is_none()) {
        return Err(Fault::new(
            "topic.field",
            "no field to insert is said: topic.field, timestamp.field, static.field, …",
        ));
    }
    if options.static_field.is_some() && options.static_value.is_none() {
        return Err(Fault::missing("static.value"));
    }
    Ok(())
}

/// What stands in a field that is added.
#[derive(Clone, Copy, Debug)]
enum Content {
    Topic,
    Partition,
    Offset,
    Timestamp,
    Text,
}

#[derive(Debug)]
struct Insertion {
    name: Arc<str>,
    optional: bool,
    content: Content,
}

/// Adds fields.
#[derive(Debug)]
pub(super) struct InsertField {
    target: Target,
    insertions: Vec<Insertion>,
    text: Value,
    defaults: bool,
    schemas: SchemaCache,
}

impl Configured for InsertField {
    type Options = InsertOptions;

    fn new(options: InsertOptions, target: Target) -> Result<Self, Fault> {
        let said = [
            (options.topic, Content::Topic),
            (options.partition, Content::Partition),
            (options.offset, Content::Offset),
            (options.timestamp, Content::Timestamp),
            (options.static_field, Content::Text),
        ];
        let insertions = said.into_iter().filter_map(|(spec, content)| Some(Insertion::new(&spec?, content)));
        Ok(InsertField {
            target,
            insertions: insertions.collect(),
            text: options.static_value.into(),
            defaults: options.defaults,
            schemas: SchemaCache::default(),
        })
    }
}

impl Insertion {
    fn new(spec: &str, content: Content) -> Self {
        let (name, optional) = match spec.strip_suffix('!') {
            Some(name) => (name, false),
            None => (spec.strip_suffix('?').unwrap_or(spec), true),
        };
        Insertion { name: name.into(), optional, content }
    }

    fn schema(&self) -> Result<Arc<Schema>, TransformError> {
        Ok(match (self.content, self.optional) {
            (Content::Topic | Content::Text, true) => Schema::optional_string(),
            (Content::Topic | Content::Text, false) => Schema::string(),
            (Content::Partition, true) => Schema::optional_int32(),
            (Content::Partition, false) => Schema::int32(),
            (Content::Offset, true) => Schema::optional_int64(),
            (Content::Offset, false) => Schema::int64(),
            (Content::Timestamp, optional) => Schema::timestamp().optional_if(optional).build()?,
        })
    }
}

const WHAT: &str = "inserting fields";

impl Transform for InsertField {
    fn apply(&self, mut record: Record) -> Result<Option<Record>, TransformError> {
        let half = std::mem::take(self.target.of(&mut record));
        let changed = match half {
            SchemaAndValue { value: Value::Null, .. } => half,
            SchemaAndValue { schema: None, value } => self.in_map(&record, map_of(value, WHAT)?)?,
            SchemaAndValue { schema: Some(_), value } => self.in_struct(&record, struct_of(value, WHAT)?)?,
        };
        *self.target.of(&mut record) = changed;
        Ok(Some(record))
    }
}

impl InsertField {
    fn in_map(&self, record: &Record, mut map: Map) -> Result<SchemaAndValue, TransformError> {
        for insertion in &self.insertions {
            match self.content(record, insertion)? {
                None => {}
                // Without a schema a time is its milliseconds.
                Some(Value::Timestamp(ms)) => _ = map.insert(Arc::clone(&insertion.name), ms),
                Some(value) => _ = map.insert(Arc::clone(&insertion.name), value),
            }
        }
        Ok(SchemaAndValue::schemaless(map))
    }

    fn in_struct(&self, record: &Record, value: Struct) -> Result<SchemaAndValue, TransformError> {
        let schema = self.schemas.get_or_make(value.schema(), |schema| self.schema(schema))?;
        let mut inserted = Struct::new(Arc::clone(&schema))?;
        let (old, values) = value.into_filled(self.defaults);
        for (field, value) in old.fields().zip(values) {
            inserted.put(&field.name, value)?;
        }
        for insertion in &self.insertions {
            if let Some(value) = self.content(record, insertion)? {
                inserted.put(&insertion.name, value)?;
            }
        }
        Ok(SchemaAndValue::new(schema, inserted))
    }

    fn schema(&self, schema: &Schema) -> Result<Arc<Schema>, TransformError> {
        let mut builder = SchemaBuilder::like(schema);
        for field in schema.fields() {
            builder = builder.field(Arc::clone(&field.name), Arc::clone(&field.schema));
        }
        for insertion in &self.insertions {
            builder = builder.field(Arc::clone(&insertion.name), insertion.schema()?);
        }
        Ok(builder.build()?)
    }

    /// What stands in the field, if the record has it.
    fn content(&self, record: &Record, insertion: &Insertion) -> Result<Option<Value>, TransformError> {
        Ok(match insertion.content {
            Content::Topic => Some(Value::String(Arc::clone(&record.topic))),
            Content::Partition => record.partition.map(Value::Int32),
            Content::Offset => match &record.origin {
                Some(origin) => Some(Value::Int64(origin.offset)),
                None => {
                    let why = "offset.field needs a sink: a source's records have no offset yet";
                    return Err(TransformError::Value(why.to_owned()));
                }
            },
            Content::Timestamp => record.timestamp.map(Value::Timestamp),
            Content::Text => Some(self.text.clone()),
        })
    }
}
