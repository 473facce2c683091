//! Names of tables and columns as PostgreSQL takes them.

use std::fmt;

/// The table that a record belongs to, in its schema.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct TableName {
    pub(super) schema: Option<String>,
    pub(super) table: String,
}

impl TableName {
    /// `schema.table`, or a table of the connection's search path.
    pub(super) fn parse(name: &str) -> Self {
        match name.split_once('.') {
            Some((schema, table)) => Self { schema: Some(schema.to_owned()), table: table.to_owned() },
            None => Self { schema: None, table: name.to_owned() },
        }
    }

    /// The table of a topic, by a format in which `${topic}` stands for its name.
    pub(super) fn of_topic(format: &str, topic: &str) -> Self {
        Self::parse(&format.replace("${topic}", topic))
    }
}

/// Quoted, for a statement.
impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{}.{}", quoted(schema), quoted(&self.table)),
            None => f.write_str(&quoted(&self.table)),
        }
    }
}

/// A name that keeps its case and may hold anything but a zero byte.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Quoted names with commas between.
pub(super) fn quoted_list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(quoted).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_and_a_schema_is_taken_off() {
        assert_eq!(TableName::of_topic("kafka_${topic}", "a-b").to_string(), "\"kafka_a-b\"");
        assert_eq!(TableName::of_topic("s.${topic}", "t\"; drop").to_string(), "\"s\".\"t\"\"; drop\"");
        assert_eq!(quoted_list(["a", "B"]), "\"a\", \"B\"");
    }
}
