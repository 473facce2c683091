use super::super::ConvertError;
use super::tree::Tree;
use super::{Writing, from_tree};
use crate::data::{Schema, SchemaBuilder, Type, low_bits};
use std::sync::Arc;

/// The schema that the JSON describes, or none for null: `JsonConverter.asConnectSchema`.
pub(super) fn read(tree: &Tree, how: Writing) -> Result<Option<Arc<Schema>>, ConvertError> {
    if *tree == Tree::Null { Ok(None) } else { one(tree, how, 0).map(Some) }
}

/// How deep schemas may stand in each other. All that is done with a schema recurses; Kafka's limit is its stack.
const DEPTH_MAX: usize = 100;

fn one(tree: &Tree, how: Writing, depth: usize) -> Result<Arc<Schema>, ConvertError> {
    if depth == DEPTH_MAX {
        return Err(ConvertError::Form(format!("more than {DEPTH_MAX} schemas in each other")));
    }
    let kind = tree.get("type").and_then(Tree::as_str).ok_or_else(|| form("a schema has a 'type'"))?;
    let mut builder = of_type(kind, tree, how, depth)?;
    builder = builder.optional_if(tree.get("optional") == Some(&Tree::Boolean(true)));
    if let Some(name) = tree.get("name").and_then(Tree::as_str) {
        builder = builder.name(name);
    }
    #[expect(clippy::cast_possible_truncation, reason = "Kafka keeps the low bits")]
    match tree.get("version") {
        Some(Tree::Integer(version)) => builder = builder.version(*version as i32),
        Some(Tree::Big(version)) => builder = builder.version(low_bits(version) as i32),
        _ => {}
    }
    if let Some(doc) = tree.get("doc").and_then(Tree::as_str) {
        builder = builder.doc(doc);
    }
    if let Some(Tree::Object(parameters)) = tree.get("parameters") {
        for (name, value) in parameters {
            let value = value.as_str().ok_or_else(|| form("a schema's parameters are strings"))?;
            builder = builder.parameter(&**name, value);
        }
    }
    if let Some(default) = tree.get("default") {
        let without = builder.clone().build()?;
        builder = builder.default_value(from_tree::value(Some(&without), default.clone(), how)?);
    }
    Ok(builder.build()?)
}

fn of_type(kind: &str, tree: &Tree, how: Writing, depth: usize) -> Result<SchemaBuilder, ConvertError> {
    let inner = |name: &str| match tree.get(name) {
        None | Some(Tree::Null) => Err(form("an array says its 'items', a map its 'keys' and 'values'")),
        Some(tree) => one(tree, how, depth + 1),
    };
    Ok(match kind {
        "boolean" => Schema::builder(Type::Boolean),
        "int8" => Schema::builder(Type::Int8),
        "int16" => Schema::builder(Type::Int16),
        "int32" => Schema::builder(Type::Int32),
        "int64" => Schema::builder(Type::Int64),
        "float" => Schema::builder(Type::Float32),
        "double" => Schema::builder(Type::Float64),
        "bytes" => Schema::builder(Type::Bytes),
        "string" => Schema::builder(Type::String),
        "array" => Schema::array(inner("items")?),
        "map" => Schema::map(inner("keys")?, inner("values")?),
        "struct" => {
            let Some(Tree::Array(fields)) = tree.get("fields") else {
                return Err(form("a struct has an array of 'fields'"));
            };
            let mut builder = Schema::structure();
            for field in fields {
                let name = field
                    .get("field")
                    .and_then(Tree::as_str)
                    .ok_or_else(|| form("a field has a name, 'field'"))?;
                builder = builder.field(name, one(field, how, depth + 1)?);
            }
            builder
        }
        other => return Err(ConvertError::Form(format!("there is no type '{other}' of schemas"))),
    })
}

fn form(what: &str) -> ConvertError {
    ConvertError::Form(what.to_owned())
}
