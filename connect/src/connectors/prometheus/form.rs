//! Series as records, and records as series: what the sources write and the sink reads without being told how.

use std::sync::Arc;

use super::remote::Series;
use super::series::{Labels, NAME, Sample, is_stale, stale};
use crate::data::{Map, SchemaAndValue, Value};
use crate::options::Choice;
use crate::record::Record;

/// What one record holds.
#[derive(Choice, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One sample: `{"name", "labels", "value", "timestamp"}`.
    Sample,
    /// All samples of a series that came at once: `{"name", "labels", "samples": [[timestamp, value], …]}`.
    Series,
}

/// The records of a series that came at `now`, keyed with its labels, so that it stays in one partition and in order.
pub(crate) fn records(topic: &Arc<str>, series: Series, form: Form, now: i64, out: &mut Vec<Record>) {
    let Some(newest) = series.samples.iter().map(|sample| sample.timestamp).max() else { return };
    let key: Arc<str> = series.labels.to_string().into();
    let labels: Map = series.labels.others().collect();
    let head = Map::new().with("name", series.labels.metric()).with("labels", labels);
    let record = |value: Map, timestamp: i64| {
        let mut record = Record::new(topic.clone(), SchemaAndValue::schemaless(value));
        record.key = SchemaAndValue::string(key.clone());
        // The sample keeps its own time, whatever that is.
        record.said_at(timestamp, now)
    };
    match form {
        Form::Sample => out.extend(series.samples.iter().map(|sample| {
            let value = head.clone().with("value", number(sample.value)).with("timestamp", sample.timestamp);
            record(value, sample.timestamp)
        })),
        Form::Series => {
            let pair = |sample: &Sample| Value::Array(vec![sample.timestamp.into(), number(sample.value)]);
            let samples: Vec<Value> = series.samples.iter().map(pair).collect();
            out.push(record(head.with("samples", samples), newest));
        }
    }
}

/// The series of a record in either form; the text says what it lacks.
pub(crate) fn read(value: &Value) -> Result<Series, String> {
    let name = value.get("name").and_then(Value::as_str).ok_or("it has no text \"name\"")?;
    let mut labels = vec![(NAME.to_owned(), name.to_owned())];
    for (label, value) in value.get("labels").into_iter().flat_map(Value::fields) {
        labels
            .push((label.to_owned(), text(value).ok_or_else(|| format!("the label {label:?} is no text"))?));
    }
    let samples = match value.get("samples").filter(|samples| !samples.is_null()) {
        None => vec![sample(value.get("timestamp"), value.get("value"))?],
        Some(samples) => {
            let samples = samples.as_array().ok_or("\"samples\" is no array")?;
            let pairs = samples.iter().map(|pair| match pair.as_array() {
                Some([timestamp, value]) => sample(Some(timestamp), Some(value)),
                _ => Err("a sample is no pair of timestamp and value".to_owned()),
            });
            pairs.collect::<Result<_, _>>()?
        }
    };
    Ok(Series { labels: Labels::new(labels).map_err(|fault| fault.to_string())?, samples })
}

fn sample(timestamp: Option<&Value>, value: Option<&Value>) -> Result<Sample, String> {
    let timestamp = timestamp.and_then(Value::as_i64).ok_or("it has no \"timestamp\" in milliseconds")?;
    let value = value.and_then(read_number).ok_or("it has no number \"value\"")?;
    Ok(Sample { timestamp, value })
}

/// JSON has no word for what is not finite, and none at all for the mark of staleness: these travel as text.
fn number(value: f64) -> Value {
    match value {
        stale if is_stale(stale) => "stale".into(),
        nan if nan.is_nan() => "NaN".into(),
        f64::INFINITY => "+Inf".into(),
        f64::NEG_INFINITY => "-Inf".into(),
        finite => finite.into(),
    }
}

/// A number, or a text that is one.
pub(crate) fn read_number(value: &Value) -> Option<f64> {
    match value.as_str() {
        Some("stale") => Some(stale()),
        Some(text) => text.trim().parse().ok(),
        None => value.as_f64(),
    }
}

/// What a value is as that of a label: texts, whole numbers and truth have one form each.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.to_string()),
        Value::Boolean(truth) => Some(truth.to_string()),
        Value::Null => Some(String::new()),
        other => {
            other.as_i64().map(|number| number.to_string()).or_else(|| other.as_f64().map(|f| f.to_string()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(values: &[(i64, f64)]) -> Series {
        let labels = [(NAME, "m"), ("b", "x"), ("a", "1")];
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let samples = values.iter().map(|&(timestamp, value)| Sample { timestamp, value }).collect();
        Series { labels: Labels::new(labels).unwrap(), samples }
    }

    const NOW: i64 = 100;

    fn written(series: &Series, form: Form) -> Vec<Record> {
        let mut out = Vec::new();
        records(&"t".into(), series.clone(), form, NOW, &mut out);
        out
    }

    #[test]
    fn either_form_is_read_as_it_was_written() {
        let all =
            series(&[(-5, 1.5), (7, f64::NAN), (8, stale()), (9, f64::INFINITY), (10, f64::NEG_INFINITY)]);
        let read_back = |form| -> Vec<Series> {
            written(&all, form).iter().map(|record| read(&record.value.value).unwrap()).collect()
        };
        assert_eq!(read_back(Form::Series), std::slice::from_ref(&all));
        let samples: Vec<Sample> =
            read_back(Form::Sample).into_iter().flat_map(|series| series.samples).collect();
        assert_eq!(samples, all.samples);
    }

    #[test]
    fn a_record_is_keyed_with_its_series_and_carries_its_time() {
        let found = written(&series(&[(-5, 1.0), (7, 2.0), (NOW + 1, 3.0)]), Form::Sample);
        assert_eq!(
            found.iter().map(|record| record.timestamp).collect::<Vec<_>>(),
            [None, Some(7), Some(NOW)],
            "no broker takes a time that lies ahead"
        );
        assert_eq!(found[2].value.value.get("timestamp").and_then(Value::as_i64), Some(NOW + 1));
        assert!(found.iter().all(|record| record.key.value.as_str() == Some(r#"m{a="1",b="x"}"#)));
        assert_eq!(written(&series(&[(9, 1.0), (7, 2.0)]), Form::Series)[0].timestamp, Some(9));
        assert!(written(&series(&[]), Form::Series).is_empty());
    }

    #[test]
    fn what_a_record_lacks_is_told() {
        let whole = Map::new().with("name", "m").with("timestamp", 1_i64).with("value", 2_i64);
        assert_eq!(read(&whole.clone().into()).unwrap().samples, [Sample { timestamp: 1, value: 2.0 }]);
        let without = |name: &str| {
            let mut value = whole.clone();
            value.remove(name);
            read(&value.into()).unwrap_err()
        };
        assert!(without("name").contains("name"));
        assert!(without("timestamp").contains("timestamp"));
        assert!(without("value").contains("value"));
        let wrong = |name: &str, value: Value| read(&whole.clone().with(name, value).into()).unwrap_err();
        assert!(wrong("samples", Value::Array(vec![1_i64.into()])).contains("pair"));
        assert!(wrong("labels", Map::new().with("a", Vec::<Value>::new()).into()).contains("no text"));
        assert!(wrong("value", "much".into()).contains("value"));
    }
}
