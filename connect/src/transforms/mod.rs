//! What changes a record on its way: Kafka's single message transforms with all their options, and `filter` and `map` by
//! expressions.

mod cast;
mod cel;
mod cel_error;
mod chain;
mod drop_all;
mod error;
mod extract_field;
mod field_path;
mod filter;
mod flatten;
mod header_from;
mod headers;
mod hoist_field;
mod insert_field;
mod java_regex;
mod kind;
mod map;
mod mask_field;
mod regex_router;
mod replace_field;
mod schema_cache;
mod set_schema_metadata;
mod target;
mod timestamp_converter;
mod timestamp_router;
mod value_to_key;

use crate::record::Record;
use std::fmt::Debug;

pub use chain::Chain;
pub use error::TransformError;
pub(crate) use java_regex::JavaRegex;
pub use kind::{Build, TRANSFORMS, TransformKind, transform};
pub use target::Target;

/// Changes records, one at a time. It holds nothing between them but caches, and is shared by tasks.
pub trait Transform: Debug + Send + Sync {
    /// What becomes of the record; nothing if it is dropped.
    ///
    /// # Errors
    /// [`TransformError`] if this is no record for the transform.
    fn apply(&self, record: Record) -> Result<Option<Record>, TransformError>;
}
