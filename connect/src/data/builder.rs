use super::schema::Parts;
use super::{DataError, Field, Logical, Schema, Type, Value};
use indexmap::IndexMap;
use std::sync::Arc;

/// Makes a [`Schema`]. What does not fit together is told when it is built.
#[derive(Clone, Debug)]
#[must_use = "a schema exists when `build` was called"]
pub struct SchemaBuilder {
    schema: Schema,
    /// The first thing that was wrong, kept so that calls can be chained.
    fault: Option<DataError>,
}

impl SchemaBuilder {
    pub(super) fn new(kind: Type) -> Self {
        let parts = if kind == Type::Struct { Parts::Struct(IndexMap::new()) } else { Parts::None };
        Self::with_parts(kind, parts)
    }

    pub(super) fn with_parts(kind: Type, parts: Parts) -> Self {
        let fault = (!kind.is_primitive() && matches!(parts, Parts::None))
            .then_some(DataError::Schema { of: kind, what: "needs the schema of what it holds" });
        SchemaBuilder { schema: Schema { parts, ..Schema::plain(kind, false) }, fault }
    }

    /// Begins from a schema's marks (name, version, doc, parameters, not its fields), as Kafka's
    /// `SchemaUtil.copySchemaBasics` does; optional and default are not taken over.
    pub fn like(schema: &Schema) -> Self {
        let parts = match &schema.parts {
            Parts::Struct(_) => Parts::Struct(IndexMap::new()),
            other => other.clone(),
        };
        let copy = Schema { parts, optional: false, default: None, ..schema.clone() };
        SchemaBuilder { schema: copy, fault: None }
    }

    /// With another schema's marks: name, version, doc, parameters.
    pub fn like_marks(mut self, schema: &Schema) -> Self {
        self.schema.name.clone_from(&schema.name);
        self.schema.logical = schema.logical;
        self.schema.version = schema.version;
        self.schema.doc.clone_from(&schema.doc);
        self.schema.parameters.clone_from(&schema.parameters);
        self
    }

    fn fail(mut self, fault: DataError) -> Self {
        self.fault.get_or_insert(fault);
        self
    }

    /// Null becomes a value.
    pub fn optional(self) -> Self {
        self.optional_if(true)
    }

    /// Null becomes a value, or not.
    pub fn optional_if(mut self, optional: bool) -> Self {
        self.schema.optional = optional;
        self
    }

    /// What stands for null. Null is no default.
    pub fn default_value(mut self, value: impl Into<Value>) -> Self {
        self.schema.default = match value.into() {
            Value::Null => None,
            value => Some(value),
        };
        self
    }

    /// Names the schema.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        let name = name.into();
        self.schema.logical = Logical::of(&name);
        self.schema.name = Some(name);
        self
    }

    /// Gives it a version.
    pub fn version(mut self, version: i32) -> Self {
        self.schema.version = Some(version);
        self
    }

    /// Says what it is for.
    pub fn doc(mut self, doc: impl Into<Arc<str>>) -> Self {
        self.schema.doc = Some(doc.into());
        self
    }

    /// Adds a parameter.
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.schema.parameters.insert(name.into(), value.into());
        self
    }

    /// Adds parameters.
    pub fn parameters(mut self, parameters: IndexMap<String, String>) -> Self {
        self.schema.parameters.extend(parameters);
        self
    }

    /// Adds a field to a struct.
    pub fn field(mut self, name: impl Into<Arc<str>>, schema: Arc<Schema>) -> Self {
        let name = name.into();
        let of = self.schema.kind;
        let Parts::Struct(fields) = &mut self.schema.parts else {
            return self.fail(DataError::Schema { of, what: "has no fields: only a STRUCT does" });
        };
        if name.is_empty() {
            return self.fail(DataError::Schema { of, what: "has a field without a name" });
        }
        if fields.contains_key(&name) {
            return self.fail(DataError::DuplicateField(name.to_string()));
        }
        fields.insert(Arc::clone(&name), Field { name, schema });
        self
    }

    /// Whether a field of that name was added.
    pub fn has_field(&self, name: &str) -> bool {
        self.schema.field(name).is_some()
    }

    /// The schema.
    ///
    /// # Errors
    /// The first thing that did not fit: a second field of one name, a default of another type.
    pub fn build(self) -> Result<Arc<Schema>, DataError> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        if let Some(default) = &self.schema.default {
            // A struct's default has the schema that this one is without it.
            let bare = Schema { default: None, ..self.schema.clone() };
            bare.validate_as("the default value", default)?;
        }
        Ok(Arc::new(self.schema))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_told_when_the_schema_is_built() {
        let twice = Schema::structure().field("a", Schema::int8()).field("a", Schema::int8());
        assert_eq!(twice.build(), Err(DataError::DuplicateField("a".into())));
        assert!(Schema::builder(Type::Array).build().is_err());
        assert!(Schema::builder(Type::Int8).field("a", Schema::int8()).build().is_err());
        assert!(Schema::builder(Type::Int8).default_value("text").build().is_err());
        assert!(Schema::structure().field("", Schema::int8()).build().is_err());
    }

    #[test]
    fn schemas_are_equal_when_all_they_say_is() {
        let one = || Schema::structure().name("s").version(2).field("a", Schema::optional_string());
        assert_eq!(one().build(), one().build());
        assert_ne!(one().build(), one().doc("more").build());
        assert_ne!(one().build(), one().optional().build());
        assert_ne!(one().build(), one().field("b", Schema::int8()).build());
    }
}
