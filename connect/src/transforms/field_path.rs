use super::TransformError;
use super::target::{map_of, struct_of};
use crate::data::{Field, Map, Schema, Struct, Value};
use crate::options::Choice;

/// How the name of a field is read (KIP-821).
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FieldSyntax {
    /// The name of a field of the whole.
    #[choice("V1")]
    V1,
    /// Dots lead to fields of fields; names that have dots stand in backticks.
    #[choice("V2")]
    V2,
}

/// The way to a field: at least one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FieldPath {
    above: Vec<String>,
    last: String,
}

const NESTED: &str = "the way to a nested field";

impl FieldPath {
    pub(super) fn new(text: &str, syntax: FieldSyntax) -> Result<Self, String> {
        let mut steps = match syntax {
            FieldSyntax::V1 => vec![text.to_owned()],
            FieldSyntax::V2 => steps(text)?,
        };
        let last = steps.pop().ok_or("the way to a field has a step")?;
        Ok(FieldPath { above: steps, last })
    }

    pub(super) fn field_of<'a>(&self, schema: &'a Schema) -> Option<&'a Field> {
        let mut schema = schema;
        for step in &self.above {
            schema = &schema.field(step)?.schema;
        }
        schema.field(&self.last)
    }

    pub(super) fn of_map(&self, mut map: Map) -> Result<Value, TransformError> {
        for step in &self.above {
            match map.remove(step) {
                None | Some(Value::Null) => return Ok(Value::Null),
                Some(value) => map = map_of(value, NESTED)?,
            }
        }
        Ok(map.remove(&self.last).unwrap_or_default())
    }

    pub(super) fn of_struct(&self, value: &Struct, defaults: bool) -> Result<Value, TransformError> {
        let mut value = value.clone();
        for step in &self.above {
            match value.get(step) {
                None | Some(Value::Null) => return Ok(Value::Null),
                Some(inner) => value = struct_of(inner.clone(), NESTED)?,
            }
        }
        let last = if defaults { value.get(&self.last) } else { value.get_without_default(&self.last) };
        Ok(last.cloned().unwrap_or_default())
    }
}

fn steps(path: &str) -> Result<Vec<String>, String> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        rest = match rest.strip_prefix('`') {
            Some(quoted) => {
                let (step, after) = quoted_step(quoted).ok_or_else(|| {
                    format!(
                        "a backtick is not closed in {path}: a backslash before it makes it part of a name"
                    )
                })?;
                steps.push(step);
                after
            }
            None => {
                let (step, after) = rest.split_once('.').unwrap_or((rest, ""));
                steps.push(step.to_owned());
                after
            }
        };
    }
    if path.ends_with('.') {
        steps.push(String::new());
    }
    Ok(steps)
}

/// The name up to the backtick that closes it, and what follows the dot behind. A backtick closes before a dot or at the end,
/// unless a backslash stands before it.
fn quoted_step(quoted: &str) -> Option<(String, &str)> {
    let mut step = String::new();
    let mut from = 0;
    let mut search = 0;
    loop {
        let at = search + quoted[search..].find('`')?;
        let escaped = quoted[..at].ends_with('\\');
        let after = &quoted[at + 1..];
        if after.is_empty() {
            step.push_str(&quoted[from..at]);
            return (!escaped).then_some((step, after));
        }
        if let Some(next) = after.strip_prefix('.') {
            if !escaped {
                step.push_str(&quoted[from..at]);
                return Some((step, next));
            }
            step.push_str(&quoted[from..at - 1]);
            step.push('`');
            from = at + 1;
        }
        search = at + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Option<Vec<String>> {
        let path = FieldPath::new(text, FieldSyntax::V2).ok()?;
        Some(path.above.into_iter().chain([path.last]).collect())
    }

    // The cases of Kafka's SingleFieldPath.
    #[test]
    fn dots_and_backticks_lead_to_fields() {
        for (text, steps) in [
            ("foo", vec!["foo"]),
            ("foo.bar.baz", vec!["foo", "bar", "baz"]),
            ("foo.`bar.baz`", vec!["foo", "bar.baz"]),
            ("`foo.bar`.baz", vec!["foo.bar", "baz"]),
            ("`foo.``bar.baz`", vec!["foo.``bar.baz"]),
            ("`foo`bar`.baz", vec!["foo`bar", "baz"]),
            ("`a\\`.b`", vec!["a`.b"]),
            ("foo.", vec!["foo", ""]),
            (".", vec!["", ""]),
        ] {
            assert_eq!(path(text).unwrap(), steps, "{text}");
        }
        for text in ["", "`foo", "`foo\\`", "a.`b"] {
            assert_eq!(path(text), None, "{text}");
        }
    }
}
