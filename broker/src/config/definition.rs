//! One configuration name: its type, default and range.

use crate::config::ConfigError;

/// Types of values, numbered as DescribeConfigs reports them (`ConfigEntry.ConfigType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Boolean = 1,
    String = 2,
    Int = 3,
    Long = 5,
    Double = 6,
    List = 7,
}

/// Which values a name takes, beyond those of its type.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Rule {
    Any,
    AtLeast(i64),
    Between(i64, i64),
    /// A number from 0 to 1.
    Fraction,
    OneOf(&'static [&'static str]),
    /// A comma separated list of these words; it may be empty.
    EachOf(&'static [&'static str]),
}

/// A row of the table of names that have an effect.
#[derive(Debug)]
pub(crate) struct Definition {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// The default as text; `None` is Kafka's null.
    pub(crate) default: Option<&'static str>,
    pub(crate) rule: Rule,
    /// Whether IncrementalAlterConfigs may change it while the broker runs.
    pub(crate) dynamic: bool,
    pub(crate) doc: &'static str,
}

impl Definition {
    /// Refuses a value that is not of this name's type or outside its range.
    pub(crate) fn check(&self, value: &str) -> Result<(), ConfigError> {
        self.fault(value).map_or(Ok(()), |reason| Err(self.invalid(value, reason)))
    }

    /// The error that says why `value` does not fit.
    pub(crate) fn invalid(&self, value: &str, reason: String) -> ConfigError {
        ConfigError::Invalid { name: self.name.to_owned(), value: value.to_owned(), reason }
    }

    fn fault(&self, value: &str) -> Option<String> {
        match self.kind {
            Kind::Boolean => (!matches!(value, "true" | "false")).then(|| "true or false".to_owned()),
            Kind::Int => self.integer_fault(value.parse::<i32>().ok().map(i64::from), "a 32-bit integer"),
            Kind::Long => self.integer_fault(value.parse().ok(), "a 64-bit integer"),
            Kind::Double => self.double_fault(value),
            Kind::String => self.word_fault(value),
            Kind::List => self.list_fault(value),
        }
    }

    fn integer_fault(&self, number: Option<i64>, form: &str) -> Option<String> {
        let Some(number) = number else { return Some(format!("not {form}")) };
        match self.rule {
            Rule::AtLeast(min) if number < min => Some(format!("must be at least {min}")),
            Rule::Between(min, max) if !(min..=max).contains(&number) => {
                Some(format!("must be from {min} to {max}"))
            }
            _ => None,
        }
    }

    fn double_fault(&self, value: &str) -> Option<String> {
        let Ok(number) = value.parse::<f64>() else { return Some("not a number".to_owned()) };
        let outside = matches!(self.rule, Rule::Fraction) && !(0.0..=1.0).contains(&number);
        outside.then(|| "must be from 0 to 1".to_owned())
    }

    fn word_fault(&self, value: &str) -> Option<String> {
        match self.rule {
            Rule::OneOf(words) if !words.contains(&value) => Some(format!("one of {}", words.join(", "))),
            _ => None,
        }
    }

    fn list_fault(&self, value: &str) -> Option<String> {
        let Rule::EachOf(words) = self.rule else { return None };
        let stranger = split_list(value).find(|word| !words.contains(word))?;
        Some(format!("`{stranger}` is not one of {}", words.join(", ")))
    }
}

/// The words of a comma separated list.
pub(crate) fn split_list(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition(kind: Kind, rule: Rule) -> Definition {
        Definition { name: "x", kind, default: None, rule, dynamic: false, doc: "" }
    }

    #[test]
    fn values_outside_type_or_range_are_refused_with_the_reason() {
        let cases = [
            (definition(Kind::Boolean, Rule::Any), "yes", "true or false"),
            (definition(Kind::Int, Rule::Any), "3000000000", "not a 32-bit integer"),
            (definition(Kind::Int, Rule::AtLeast(1)), "0", "must be at least 1"),
            (definition(Kind::Long, Rule::Between(0, 9)), "10", "must be from 0 to 9"),
            (definition(Kind::Double, Rule::Fraction), "1.5", "must be from 0 to 1"),
            (definition(Kind::String, Rule::OneOf(&["a", "b"])), "c", "one of a, b"),
            (definition(Kind::List, Rule::EachOf(&["a", "b"])), "a,c", "`c` is not one of a, b"),
        ];
        for (definition, value, want) in cases {
            let Err(ConfigError::Invalid { reason, .. }) = definition.check(value) else {
                panic!("{definition:?} took {value}")
            };
            assert_eq!(reason, want);
        }
    }

    #[test]
    fn an_empty_list_is_a_list() {
        assert!(definition(Kind::List, Rule::EachOf(&["a"])).check("").is_ok());
    }
}
