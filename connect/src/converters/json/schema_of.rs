use super::super::ConvertError;
use super::{Writing, writer};
use crate::data::{Schema, Type};

/// Writes a schema as JSON: `JsonConverter.asJsonSchema`, in its order of fields.
pub(super) fn write(
    out: &mut Vec<u8>,
    schema: &Schema,
    field: Option<&str>,
    how: Writing,
) -> Result<(), ConvertError> {
    out.extend_from_slice(b"{\"type\":");
    writer::string(out, type_name(schema.kind()));
    match schema.kind() {
        Type::Array => inner(out, "items", schema.value_schema(), how)?,
        Type::Map => {
            inner(out, "keys", schema.key_schema(), how)?;
            inner(out, "values", schema.value_schema(), how)?;
        }
        Type::Struct => fields(out, schema, how)?,
        _ => {}
    }
    out.extend_from_slice(if schema.is_optional() { b",\"optional\":true" } else { b",\"optional\":false" });
    if let Some(name) = schema.name() {
        out.extend_from_slice(b",\"name\":");
        writer::string(out, name);
    }
    if let Some(version) = schema.version() {
        out.extend_from_slice(format!(",\"version\":{version}").as_bytes());
    }
    if let Some(doc) = schema.doc() {
        out.extend_from_slice(b",\"doc\":");
        writer::string(out, doc);
    }
    parameters(out, schema);
    if let Some(default) = schema.default_value() {
        out.extend_from_slice(b",\"default\":");
        writer::write(out, Some(schema), default, how)?;
    }
    if let Some(field) = field {
        out.extend_from_slice(b",\"field\":");
        writer::string(out, field);
    }
    out.push(b'}');
    Ok(())
}

fn inner(
    out: &mut Vec<u8>,
    name: &str,
    schema: Option<&std::sync::Arc<Schema>>,
    how: Writing,
) -> Result<(), ConvertError> {
    out.push(b',');
    writer::string(out, name);
    out.push(b':');
    match schema {
        Some(schema) => write(out, schema, None, how),
        None => {
            out.extend_from_slice(b"null");
            Ok(())
        }
    }
}

fn fields(out: &mut Vec<u8>, schema: &Schema, how: Writing) -> Result<(), ConvertError> {
    out.extend_from_slice(b",\"fields\":[");
    for (index, field) in schema.fields().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(out, &field.schema, Some(&field.name), how)?;
    }
    out.push(b']');
    Ok(())
}

fn parameters(out: &mut Vec<u8>, schema: &Schema) {
    if schema.parameters().is_empty() {
        return;
    }
    out.extend_from_slice(b",\"parameters\":{");
    for (index, (name, value)) in schema.parameters().iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        writer::string(out, name);
        out.push(b':');
        writer::string(out, value);
    }
    out.push(b'}');
}

fn type_name(kind: Type) -> &'static str {
    match kind {
        Type::Int8 => "int8",
        Type::Int16 => "int16",
        Type::Int32 => "int32",
        Type::Int64 => "int64",
        Type::Float32 => "float",
        Type::Float64 => "double",
        Type::Boolean => "boolean",
        Type::String => "string",
        Type::Bytes => "bytes",
        Type::Array => "array",
        Type::Map => "map",
        Type::Struct => "struct",
    }
}
