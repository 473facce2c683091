//! What a record's key, value and headers are between a system and Kafka: Kafka Connect's data model.
//!
//! A [`Value`] may come with a [`Schema`] or without one; [`SchemaAndValue`] is the pair. Schemas are shared
//! ([`std::sync::Arc`]) and strings and bytes are counted references, so cloning a record copies no text.

mod builder;
mod decimal;
mod error;
mod java_string;
pub(crate) mod java_text;
mod json;
mod map;
mod schema;
mod schema_and_value;
mod serialize;
pub(crate) mod simple_date;
mod size;
mod structs;
mod validate;
mod value;
pub(crate) mod values;

pub use builder::SchemaBuilder;
pub use decimal::Decimal;
pub(crate) use decimal::low_bits;
pub use error::DataError;
pub use map::Map;
pub use schema::{Field, Logical, Schema, Type};
pub use schema_and_value::SchemaAndValue;
pub use serialize::SerializeError;
pub use structs::Struct;
pub use value::Value;
pub use values::parse;
pub(crate) use values::text as text_of;
