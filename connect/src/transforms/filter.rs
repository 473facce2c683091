use super::cel::Expression;
use super::kind::Configured;
use super::{Target, Transform, TransformError};
use crate::options::{Fault, Options};
use crate::record::Record;
use cel::Value as Cel;

#[derive(Options, Clone, Debug)]
pub(super) struct FilterOptions {
    /// What must be true of a record to be kept: an expression of the Common Expression Language over `key`, `value`,
    /// `headers`, `topic`, `partition`, `timestamp` (milliseconds) and `offset`, e.g. `value.status >= 500`.
    #[option(importance = "high", check = is_expression)]
    condition: String,
}

fn is_expression(text: &str) -> Result<(), String> {
    Expression::new(text).map(|_| ())
}

/// Keeps the records for which an expression is true.
#[derive(Debug)]
pub(super) struct Filter {
    condition: Expression,
}

impl Configured for Filter {
    type Options = FilterOptions;

    fn new(options: FilterOptions, _: Target) -> Result<Self, Fault> {
        let wrong = |why: String| Fault::invalid("condition", &options.condition, &why);
        Ok(Filter { condition: Expression::new(&options.condition).map_err(wrong)? })
    }
}

impl Transform for Filter {
    fn apply(&self, record: Record) -> Result<Option<Record>, TransformError> {
        match self.condition.evaluate(&record)? {
            Cel::Bool(kept) => Ok(kept.then_some(record)),
            other => Err(TransformError::Value(format!(
                "{:?} is a {}, not true or false",
                self.condition,
                other.type_of()
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::transform;
    use super::*;
    use crate::data::{SchemaAndValue, Value};
    use serde_json::json;
    use std::collections::BTreeMap;

    fn kept(condition: &str) -> Option<bool> {
        let options = BTreeMap::from([("condition".to_owned(), condition.to_owned())]);
        let value = json!({"status": 503, "path": "/a", "tags": ["x"], "time": null});
        let record = Record::new("logs".into(), SchemaAndValue::schemaless(Value::from(value)))
            .key(SchemaAndValue::string("k"))
            .at(1_000)
            .header("env", SchemaAndValue::string("prod"));
        transform("filter", &options).ok()?.apply(record).ok().map(|record| record.is_some())
    }

    #[test]
    fn records_for_which_the_condition_is_true_are_kept() {
        for condition in [
            "value.status >= 500 && value.path.startsWith('/')",
            "topic == 'logs' && key == 'k' && timestamp == 1000",
            "headers.env == 'prod' && 'x' in value.tags",
            "partition == null && offset == null && value.time == null",
            "!has(value.none)",
            "type(value) == map && type(value.status) == int && type(value.path) != int && type(value.time) == null_type",
            "type(value.path) == string && type(value.tags) == list && type(1.5) == double && type(true) == bool",
            "value.tags.exists(tag, tag.startsWith('x')) && value.tags.map(t, t + t) == ['xx']",
        ] {
            assert_eq!(kept(condition), Some(true), "{condition}");
        }
        assert_eq!(kept("value.status < 500"), Some(false));
        assert_eq!(kept("value.none == 1"), None);
        assert_eq!(kept("value.status"), None);
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        for condition in ["", "value.", "other == 1"] {
            let options = BTreeMap::from([("condition".to_owned(), condition.to_owned())]);
            assert!(transform("filter", &options).is_err(), "{condition}");
        }
        assert!(transform("filter", &BTreeMap::new()).is_err());
        // The parser recurses: what it cannot follow is refused, and does not end the process.
        for deep in [
            "(".repeat(2_000),
            "!".repeat(4_000),
            "-".repeat(4_000),
            "[".repeat(2_000),
            "{1:".repeat(1_000),
            "true?".repeat(800),
        ] {
            assert!(transform("filter", &BTreeMap::from([("condition".to_owned(), deep + "true")])).is_err());
        }
        for long in [".a", "+1", "&&true", "[0]", "==1", ".map(x,x)"] {
            let condition = "value".to_owned() + &long.repeat(1_000);
            assert!(transform("filter", &BTreeMap::from([("condition".to_owned(), condition)])).is_err());
            // As long as may be: there is an answer, whichever.
            let longest = (1..70).rev().map(|times| "value".to_owned() + &long.repeat(times));
            let mut taken = longest.filter(|condition| Expression::new(condition).is_ok());
            let _ = kept(&taken.next().unwrap());
        }
        let many = (0..500).map(|number| number.to_string()).collect::<Vec<_>>().join(",");
        assert_eq!(kept(&format!("value.status in [{many}]")), Some(false));
        let long = BTreeMap::from([("condition".to_owned(), "(".repeat(100_000))]);
        assert!(transform("filter", &long).is_err());
    }
}
