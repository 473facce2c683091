use super::Type;

/// Data that does not fit its schema, or a schema that fits no data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// Null where the schema demands a value.
    #[error("{field} is null, but its schema ({of}) is required: make it optional or give it a default")]
    Null {
        /// The field, or `value` where there is none.
        field: String,
        /// What the schema demands.
        of: Type,
    },
    /// A value of another type than its schema's.
    #[error("{field} is {found}, but its schema is {expected}")]
    Mismatch {
        /// The field, or `value` where there is none.
        field: String,
        /// What the schema demands.
        expected: String,
        /// What the value is.
        found: &'static str,
    },
    /// A struct of another schema than the field's.
    #[error("the struct in {0} has another schema than its field")]
    StructSchema(String),
    /// A name that the struct's schema does not have.
    #[error("the schema has no field '{0}'")]
    NoField(String),
    /// Two fields of one name in one schema.
    #[error("two fields are named '{0}': rename one")]
    DuplicateField(String),
    /// A part of a schema that its type does not have or needs: fields of a number, an array without elements.
    #[error("a schema of type {of} {what}")]
    Schema {
        /// The type whose rules are broken.
        of: Type,
        /// What is wrong.
        what: &'static str,
    },
    /// A decimal whose scale is not its schema's.
    #[error("the decimal has scale {found}, its schema demands {expected}")]
    Scale {
        /// Digits behind the point that the schema demands.
        expected: i32,
        /// Digits behind the point of the value.
        found: i32,
    },
    /// A text or a value that cannot become what is asked for.
    #[error("{0}")]
    Convert(String),
}
