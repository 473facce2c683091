use super::kind::Configured;
use super::{JavaRegex, Target, Transform, TransformError};
use crate::options::{Fault, Options};
use crate::record::Record;

#[derive(Options, Clone, Debug)]
pub(super) struct RouterOptions {
    /// What a topic's whole name must match to be changed.
    #[option(importance = "high", check = is_regex)]
    regex: String,
    /// What its first match becomes; `$1` is what the first group caught.
    #[option(importance = "high")]
    replacement: String,
}

pub(crate) fn is_regex(pattern: &str) -> Result<(), String> {
    JavaRegex::new(pattern).map(|_| ())
}

/// Renames topics.
#[derive(Debug)]
pub(super) struct RegexRouter {
    regex: JavaRegex,
    replacement: String,
}

impl Configured for RegexRouter {
    type Options = RouterOptions;

    fn new(options: RouterOptions, _: Target) -> Result<Self, Fault> {
        let wrong = |why: String| Fault::invalid("regex", &options.regex, &why);
        Ok(RegexRouter {
            regex: JavaRegex::new(&options.regex).map_err(wrong)?,
            replacement: options.replacement,
        })
    }
}

impl Transform for RegexRouter {
    fn apply(&self, mut record: Record) -> Result<Option<Record>, TransformError> {
        if self.regex.matches(&record.topic) {
            let renamed =
                self.regex.replace_first(&record.topic, &self.replacement).map_err(TransformError::Value)?;
            record.topic = renamed.into();
        }
        Ok(Some(record))
    }
}
