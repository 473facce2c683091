use super::kind::Configured;
use super::{Target, Transform, TransformError};
use crate::data::simple_date::SimpleDate;
use crate::options::{Fault, Options};
use crate::record::Record;

#[derive(Options, Clone, Debug)]
pub(super) struct RouterOptions {
    /// The new name; `${topic}` is the old one, `${timestamp}` the record's time.
    #[option(name = "topic.format", default = "${topic}-${timestamp}", importance = "high")]
    topic: String,
    /// How the time is written: a pattern of Java's SimpleDateFormat, in UTC.
    #[option(name = "timestamp.format", default = "yyyyMMdd", importance = "high", check = is_pattern)]
    timestamp: String,
}

fn is_pattern(pattern: &str) -> Result<(), String> {
    SimpleDate::new(pattern).map(|_| ())
}

/// Puts the record's time into the topic's name.
#[derive(Debug)]
pub(super) struct TimestampRouter {
    topic: String,
    timestamp: SimpleDate,
}

impl Configured for TimestampRouter {
    type Options = RouterOptions;

    fn new(options: RouterOptions, _: Target) -> Result<Self, Fault> {
        let wrong = |why: String| Fault::invalid("timestamp.format", &options.timestamp, &why);
        Ok(TimestampRouter {
            timestamp: SimpleDate::new(&options.timestamp).map_err(wrong)?,
            topic: options.topic,
        })
    }
}

impl Transform for TimestampRouter {
    fn apply(&self, mut record: Record) -> Result<Option<Record>, TransformError> {
        let ms = record
            .timestamp
            .ok_or_else(|| TransformError::Value("the record has no timestamp".to_owned()))?;
        let topic = self.topic.replace("${topic}", &record.topic);
        record.topic = topic.replace("${timestamp}", &self.timestamp.format(ms)).into();
        Ok(Some(record))
    }
}
