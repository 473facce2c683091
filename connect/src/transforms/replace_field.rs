use super::kind::Configured;
use super::schema_cache::SchemaCache;
use super::target::{map_of, struct_of};
use super::{Target, Transform, TransformError};
use crate::data::{Map, Schema, SchemaAndValue, SchemaBuilder, Struct, Value};
use crate::options::{Fault, Options};
use crate::record::Record;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

#[derive(Options, Clone, Debug)]
pub(super) struct ReplaceOptions {
    /// Fields to leave out; it counts more than `include`.
    #[option(default = "", alias = "blacklist")]
    exclude: Vec<String>,
    /// The only fields to keep; without any, all.
    #[option(default = "", alias = "whitelist")]
    include: Vec<String>,
    /// New names: `old:new,other:another`.
    #[option(default = "", check = pairs)]
    renames: Vec<String>,
    /// Whether the default stands for a field's null.
    #[option(name = "replace.null.with.default", default = true)]
    defaults: bool,
}

fn pairs(renames: &[String]) -> Result<(), String> {
    match renames.iter().find(|pair| old_and_new(pair).is_none()) {
        Some(pair) => Err(format!("'{pair}' is not a pair old:new")),
        None => Ok(()),
    }
}

/// As Java splits: what is empty at the end is none.
fn old_and_new(pair: &str) -> Option<(&str, &str)> {
    let (old, new) = pair.trim_end_matches(':').split_once(':')?;
    (!new.contains(':')).then_some((old, new))
}

/// Keeps, drops or renames fields.
#[derive(Debug)]
pub(super) struct ReplaceField {
    target: Target,
    exclude: HashSet<String>,
    include: HashSet<String>,
    renames: HashMap<String, Arc<str>>,
    /// The old names by the new ones.
    renamed: HashMap<Arc<str>, String>,
    defaults: bool,
    schemas: SchemaCache,
}

impl Configured for ReplaceField {
    type Options = ReplaceOptions;

    fn new(options: ReplaceOptions, target: Target) -> Result<Self, Fault> {
        let pairs = options.renames.iter().filter_map(|pair| old_and_new(pair));
        let renames: HashMap<String, Arc<str>> =
            pairs.map(|(old, new)| (old.to_owned(), new.into())).collect();
        let renamed = renames.iter().map(|(old, new)| (Arc::clone(new), old.clone())).collect();
        Ok(ReplaceField {
            target,
            exclude: options.exclude.into_iter().collect(),
            include: options.include.into_iter().collect(),
            renames,
            renamed,
            defaults: options.defaults,
            schemas: SchemaCache::default(),
        })
    }
}

const WHAT: &str = "replacing fields";

impl Transform for ReplaceField {
    fn apply(&self, record: Record) -> Result<Option<Record>, TransformError> {
        self.target.change(record, |data| match data {
            SchemaAndValue { value: Value::Null, .. } => Ok(data),
            SchemaAndValue { schema: None, value } => {
                Ok(SchemaAndValue::schemaless(self.of_map(map_of(value, WHAT)?)))
            }
            SchemaAndValue { schema: Some(_), value } => self.of_struct(&struct_of(value, WHAT)?),
        })
    }
}

impl ReplaceField {
    fn keeps(&self, name: &str) -> bool {
        !self.exclude.contains(name) && (self.include.is_empty() || self.include.contains(name))
    }

    fn of_map(&self, map: Map) -> Map {
        let mut replaced = Map::new();
        for (key, value) in map {
            let name = key.as_str().unwrap_or_default();
            if self.keeps(name) {
                let renamed = self.renames.get(name).map(|new| Value::String(Arc::clone(new)));
                replaced.insert(renamed.unwrap_or(key), value);
            }
        }
        replaced
    }

    fn of_struct(&self, value: &Struct) -> Result<SchemaAndValue, TransformError> {
        let schema = self.schemas.get_or_make(value.schema(), |schema| self.schema(schema))?;
        let mut replaced = Struct::new(Arc::clone(&schema))?;
        for field in schema.fields() {
            let old = self.renamed.get(&field.name).map_or(&*field.name, String::as_str);
            let found = if self.defaults { value.get(old) } else { value.get_without_default(old) };
            let found = found.ok_or_else(|| TransformError::NoField(old.to_owned()))?;
            replaced.put(&field.name, found.clone())?;
        }
        Ok(SchemaAndValue::new(schema, replaced))
    }

    fn schema(&self, schema: &Schema) -> Result<Arc<Schema>, TransformError> {
        let mut builder = SchemaBuilder::like(schema);
        for field in schema.fields().filter(|field| self.keeps(&field.name)) {
            let name = self.renames.get(&*field.name).unwrap_or(&field.name);
            builder = builder.field(Arc::clone(name), Arc::clone(&field.schema));
        }
        Ok(builder.build()?)
    }
}
