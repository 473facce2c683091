//! What is wrong with an expression, in words for those who write it.

use cel::{Context, ExecutionError, ParseErrors, Program, Value};

/// Why a text is no expression: the parser's words and its mark below the place, with what is meant most often.
pub(super) fn of_parser(text: &str, errors: &ParseErrors) -> String {
    if text.trim().is_empty() {
        return "an expression is missing, e.g. value.status >= 500".to_owned();
    }
    let said = errors.to_string().replace("ERROR: <input>:", "");
    let meant = [
        ("error at: '= ", "to compare, write =="),
        ("error at: '& ", "write &&"),
        ("error at: '| ", "write ||"),
    ];
    let meant = meant.into_iter().find(|(sign, _)| said.contains(sign));
    meant.map_or_else(|| said.clone(), |(_, meant)| format!("{said}\n{meant}"))
}

/// The first function of a program that there is none of.
pub(super) fn unknown_function(program: &Program) -> Option<String> {
    let used = program.references();
    let mut names =
        used.functions().into_iter().filter(|name| name.starts_with(|c: char| c.is_ascii_alphabetic()));
    let is_unknown = |name: &&str| {
        let lacks = |call: String| {
            let outcome =
                Program::compile(&call).ok().map(|program| program.execute(&Context::default()).map(drop));
            matches!(outcome, Some(Err(ExecutionError::UndeclaredReference(_))))
        };
        // Some are functions alone, and some are asked of a value.
        lacks(format!("{name}()")) && lacks(format!("''.{name}()"))
    };
    names.find(is_unknown).map(str::to_owned)
}

/// Why an expression is nothing for a record.
pub(super) fn of_record(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchKey(name) => {
            format!("there is no '{name}'; where it may be missing, ask first, as has(value.{name})")
        }
        ExecutionError::NoSuchOverload(call) => {
            let (function, types) = (call.function(), call.argument_types());
            match function {
                "_._" | "_[_]" if types.first().is_some_and(|first| first == "null_type") => {
                    "null has no fields; where there may be none, as a tombstone's value, ask first: value != null && ..."
                        .to_owned()
                }
                _ => format!(
                    "'{}' is nothing for ({}); int(), double() and string() convert",
                    function.trim_matches('_'),
                    types.join(", ")
                ),
            }
        }
        ExecutionError::UnsupportedBinaryOperator(_, Value::Float(_), Value::Int(_) | Value::UInt(_))
        | ExecutionError::UnsupportedBinaryOperator(_, Value::Int(_) | Value::UInt(_), Value::Float(_)) => {
            format!("{error}; a number with a fraction takes another such: write 2.0 for 2, or double(...)")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::cel::Expression;
    use crate::data::{SchemaAndValue, Value};
    use crate::record::Record;
    use serde_json::{Value as Json, json};

    fn refused(text: &str) -> String {
        Expression::new(text).unwrap_err()
    }

    fn failed(text: &str, value: Json) -> String {
        let record = Record::new("t".into(), SchemaAndValue::schemaless(Value::from(value)));
        Expression::new(text).unwrap().evaluate(&record).unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_expression_is_told_with_its_place_and_what_is_meant() {
        let one = refused("value.id = 7");
        assert!(one.starts_with("1:10: Syntax error") && one.contains("| .........^"), "{one}");
        assert!(one.ends_with("to compare, write =="), "{one}");
        assert!(refused("true & false").ends_with("write &&"), "{}", refused("true & false"));
        assert!(refused(" ").contains("an expression is missing"));
        assert_eq!(refused("nofunc(value)"), "there is no function nofunc");
        assert_eq!(refused("value.s.upper() == 'X'"), "there is no function upper");
    }

    #[test]
    fn functions_that_there_are_are_taken() {
        for call in [
            "size(value) + value.size()",
            "value.contains('a') || value.startsWith('a') || value.endsWith('a') || value.matches('a')",
            "string(1) + string(bytes('a')) + string(int('1') + int(uint(1))) + string(double(1))",
            "timestamp('2024-01-01T00:00:00Z') + duration('1h') > timestamp('2024-01-01T00:00:00Z')",
            "timestamp('2024-01-01T00:00:00Z').getFullYear() == 2024",
            "type(value) == string && has(value.a) && value.exists(v, v == 1) && value.all(v, v == 1)",
        ] {
            if let Err(why) = Expression::new(call) {
                panic!("{call}: {why}");
            }
        }
    }

    #[test]
    fn what_a_record_lacks_is_told_with_what_to_write() {
        let value = json!({"n": 1.5, "s": "a"});
        assert!(failed("value.id == 7", value.clone()).contains("there is no 'id'; where it may be missing"));
        assert!(failed("value.id == 7", Json::Null).contains("ask first: value != null"));
        assert!(failed("value.s > 3", value.clone()).contains("'>' is nothing for (string, int)"));
        assert!(failed("value.n * 2", value).contains("write 2.0 for 2"));
    }
}
