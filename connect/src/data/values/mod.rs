//! Values in and out of text: Kafka Connect's `Values`, of which header values are made.

mod convert;
mod merge;
mod parser;
mod temporal;
mod tokens;
mod write;

use super::{Schema, SchemaAndValue};

pub(crate) use convert::{to_f64, to_i64};
pub(crate) use temporal::text_of_ms;
pub(crate) use write::text;

/// What the text is, by its looks: `Values.parseString`. `null` is null, `1` an INT8, `[1, 2]` an array, `1970-01-01` a
/// date; what is nothing else is a string.
pub fn parse(text: &str) -> SchemaAndValue {
    if text.is_empty() {
        return SchemaAndValue::new(Schema::string(), text);
    }
    parser::Parser::new(text).parse_all()
}

#[cfg(test)]
mod tests;
