use crate::data::DataError;

/// A record that a transform can do nothing with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransformError {
    /// What it makes does not fit its schema.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The record is not of the form that the transform is for.
    #[error("{what} needs {expected}, here is {found}")]
    Form {
        /// The transform.
        what: &'static str,
        /// What it takes.
        expected: &'static str,
        /// What it was given.
        found: &'static str,
    },
    /// There is no such field.
    #[error("the record has no field '{0}'")]
    NoField(String),
    /// A value that cannot become what is asked for.
    #[error("{0}")]
    Value(String),
}
