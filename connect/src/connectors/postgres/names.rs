//! Names of tables and columns as PostgreSQL takes them.

use std::fmt;

/// The table that a record belongs to, in its schema.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct TableName {
    pub(super) schema: Option<String>,
    pub(super) table: String,
}

impl TableName {
    /// `schema.table`, or a table of the connection's search path; either in quotes where it holds a dot.
    pub(super) fn parse(name: &str) -> Self {
        if let Some(quoted) = Self::in_quotes(name) {
            return quoted;
        }
        match name.split_once('.') {
            Some((schema, table)) => Self { schema: Some(schema.to_owned()), table: table.to_owned() },
            None => Self { schema: None, table: name.to_owned() },
        }
    }

    /// The table of a topic, by a format in which `${topic}` stands for its name.
    pub(super) fn of_topic(format: &str, topic: &str) -> Self {
        let filled = |text: &str| text.replace("${topic}", topic);
        match Self::in_quotes(format) {
            // What is in quotes is one name, whatever dots the topic's has.
            Some(Self { schema, table }) => {
                Self { schema: schema.as_deref().map(filled), table: filled(&table) }
            }
            None => Self::parse(&filled(format)),
        }
    }

    /// A name of which a part stands in quotes, as PostgreSQL has them.
    fn in_quotes(name: &str) -> Option<Self> {
        if !name.contains('"') {
            return None;
        }
        let (first, rest) = part(name)?;
        if rest.is_empty() {
            return Some(Self { schema: None, table: first });
        }
        let (table, rest) = part(rest.strip_prefix('.')?)?;
        rest.is_empty().then_some(Self { schema: Some(first), table })
    }
}

/// The first part of a name, and what follows it. `None`: the quotes make no sense.
fn part(name: &str) -> Option<(String, &str)> {
    let Some(inside) = name.strip_prefix('"') else {
        let (part, rest) = name.split_at(name.find('.').unwrap_or(name.len()));
        return (!part.is_empty() && !part.contains('"')).then(|| (part.to_owned(), rest));
    };
    let mut end = inside.find('"')?;
    // Two of them are one that belongs to the name.
    while inside[end + 1..].starts_with('"') {
        end += 2 + inside[end + 2..].find('"')?;
    }
    (end > 0).then(|| (inside[..end].replace("\"\"", "\""), &inside[end + 1..]))
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

    #[test]
    fn what_is_in_quotes_is_one_name() {
        let name = |format: &str| {
            let TableName { schema, table } = TableName::of_topic(format, "a.b");
            (schema.unwrap_or_default(), table)
        };
        for (format, schema, table) in [
            (r#""${topic}""#, "", "a.b"),
            (r#"s."${topic}""#, "s", "a.b"),
            (r#""My Schema".t"#, "My Schema", "t"),
            (r#""My.Schema"."x""y""#, "My.Schema", r#"x"y"#),
            ("${topic}", "a", "b"),
            // No quotes that PostgreSQL would know: they belong to the name.
            (r#"s.t"x"#, "s", r#"t"x"#),
            (r#"s."t"#, "s", r#""t"#),
        ] {
            assert_eq!(name(format), (schema.to_owned(), table.to_owned()), "{format}");
        }
        assert_eq!(TableName::parse(r#""A"."b.c""#).to_string(), r#""A"."b.c""#);
    }
}
