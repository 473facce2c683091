//! What is read in a record: a series as our sources write it, or a metric of fields that are named.

use super::super::form;
use super::super::labels::is_label;
use super::super::remote::Series;
use super::super::series::{Labels, NAME, Sample};
use crate::data::Value;
use crate::options::{Fault, Options};
use crate::record::Record;

/// How a record becomes a series. With neither `metric.name` nor `metric.name.field` records are read as the sources `prometheus`
/// and `prometheus-receiver` write them, in either form.
#[derive(Options, Debug, Clone)]
#[options(check = consistent)]
pub struct Mapping {
    /// The name of the metric, of records that are anything: `value.field`, `label.fields` and `timestamp.field` say what is read.
    #[option(name = "metric.name", check = not_empty)]
    pub metric: Option<String>,
    /// The field that holds the name of the metric, instead.
    #[option(name = "metric.name.field")]
    pub metric_field: Option<String>,
    /// The field that holds the value: a number, a truth, or a text that is a number. Dots lead into what a field holds.
    #[option(name = "value.field", default = "value")]
    pub value_field: String,
    /// The fields that become labels, with commas between them: FIELD, or LABEL=FIELD. One that is null or missing is left out.
    #[option(name = "label.fields", default = "", check = labels_are_named)]
    pub label_fields: Vec<String>,
    /// The field that holds the time in milliseconds. The record's own time without.
    #[option(name = "timestamp.field")]
    pub timestamp_field: Option<String>,
}

impl Mapping {
    /// The series of a record; the text says why it has none.
    pub(super) fn series(&self, record: &Record) -> Result<Series, String> {
        let value = &record.value.value;
        let metric = match (&self.metric, &self.metric_field) {
            (Some(metric), _) => metric.as_str(),
            (None, Some(field)) => find(value, field)
                .and_then(Value::as_str)
                .ok_or_else(|| format!("it has no text {field:?}"))?,
            (None, None) => return form::read(value),
        };
        let mut labels = vec![(NAME.to_owned(), metric.to_owned())];
        for (label, field) in self.label_fields.iter().map(|said| label(said)) {
            let Some(found) = find(value, field) else { continue };
            let text = form::text(found)
                .ok_or_else(|| format!("{field:?} is {}, and no label", found.kind_name()))?;
            labels.push((label, text));
        }
        let labels = Labels::new(labels).map_err(|fault| fault.to_string())?;
        let sample = Sample { timestamp: self.timestamp(record)?, value: self.value(value)? };
        Ok(Series { labels, samples: vec![sample] })
    }

    fn value(&self, value: &Value) -> Result<f64, String> {
        let found = find(value, &self.value_field);
        let number = found.and_then(|found| match found {
            Value::Boolean(truth) => Some(f64::from(u8::from(*truth))),
            other => form::read_number(other),
        });
        number.ok_or_else(|| format!("it has no number {:?}", self.value_field))
    }

    fn timestamp(&self, record: &Record) -> Result<i64, String> {
        match &self.timestamp_field {
            None => record.timestamp.ok_or_else(|| "it has no time: name a timestamp.field".to_owned()),
            Some(field) => find(&record.value.value, field)
                .and_then(Value::as_i64)
                .ok_or_else(|| format!("it has no time {field:?} in milliseconds")),
        }
    }
}

/// What stands at the end of a path of names with dots between them; a name with dots is found whole before it is divided.
fn find<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    if let Some(found) = value.get(path) {
        return Some(found).filter(|found| !found.is_null());
    }
    let (first, rest) = path.split_once('.')?;
    find(value.get(first)?, rest)
}

/// The label and the field of `LABEL=FIELD`, or of a field whose name becomes the label, `_` for what a label cannot have.
fn label(said: &str) -> (String, &str) {
    match said.split_once('=') {
        Some((label, field)) => (label.trim().to_owned(), field.trim()),
        None => (said.replace(|c: char| !c.is_ascii_alphanumeric(), "_"), said),
    }
}

fn labels_are_named(fields: &[String]) -> Result<(), String> {
    match fields.iter().map(|said| label(said)).find(|(label, field)| !is_label(label) || field.is_empty()) {
        Some((label, _)) => Err(format!("{label:?} is no label: say LABEL=FIELD")),
        None => Ok(()),
    }
}

fn not_empty(text: &Option<String>) -> Result<(), String> {
    if text.as_deref() == Some("") { Err("must not be empty".to_owned()) } else { Ok(()) }
}

fn consistent(mapping: &Mapping) -> Result<(), Fault> {
    if mapping.metric.is_some() && mapping.metric_field.is_some() {
        return Err(Fault::new("metric.name.field", "metric.name and metric.name.field exclude each other"));
    }
    let mapped = mapping.metric.is_some() || mapping.metric_field.is_some();
    if !mapped && (!mapping.label_fields.is_empty() || mapping.timestamp_field.is_some()) {
        let why = "label.fields and timestamp.field are for a record with a metric.name or metric.name.field: set one";
        return Err(Fault::new("metric.name", why));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::data::{Map, SchemaAndValue};
    use crate::options::Given;

    fn mapping(options: &[(&str, &str)]) -> Result<Mapping, Vec<Fault>> {
        let given: BTreeMap<_, _> =
            options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Mapping::read(&Given::new(&given))
    }

    fn record() -> Record {
        let window = Map::new().with("end", 60_000_i64);
        let value = Map::new()
            .with("service", "shop")
            .with("status", 200_i64)
            .with("window", window)
            .with("count", 7_i64)
            .with("text", "8.5")
            .with("ok", true)
            .with("nothing", Value::Null)
            .with("list", Vec::<Value>::new());
        Record::new("t".into(), SchemaAndValue::schemaless(value)).at(1_000)
    }

    #[test]
    fn fields_become_a_series() {
        let all = [
            ("metric.name", "requests"),
            ("value.field", "count"),
            ("label.fields", "service, code=status, window.end, nothing, missing"),
            ("timestamp.field", "window.end"),
        ];
        let found = mapping(&all).unwrap().series(&record()).unwrap();
        assert_eq!(found.labels.to_string(), r#"requests{code="200",service="shop",window_end="60000"}"#);
        assert_eq!(found.samples, [Sample { timestamp: 60_000, value: 7.0 }]);
        for (field, value) in [("text", 8.5), ("ok", 1.0)] {
            let mapping = mapping(&[("metric.name.field", "service"), ("value.field", field)]).unwrap();
            let found = mapping.series(&record()).unwrap();
            assert_eq!(found.labels.to_string(), "shop");
            assert_eq!(found.samples, [Sample { timestamp: 1_000, value }]);
        }
    }

    #[test]
    fn what_a_record_lacks_is_told() {
        let why =
            |options: &[(&str, &str)], record: &Record| mapping(options).unwrap().series(record).unwrap_err();
        let named = ("metric.name", "m");
        assert_eq!(why(&[named], &record()), r#"it has no number "value""#);
        assert_eq!(why(&[named, ("value.field", "service")], &record()), r#"it has no number "service""#);
        assert_eq!(why(&[("metric.name.field", "status")], &record()), r#"it has no text "status""#);
        let listed = [named, ("value.field", "count"), ("label.fields", "list")];
        assert_eq!(why(&listed, &record()), r#""list" is an ARRAY, and no label"#);
        let timeless = Record { timestamp: None, ..record() };
        assert!(why(&[named, ("value.field", "count")], &timeless).contains("timestamp.field"));
    }

    #[test]
    fn what_cannot_be_said_together_is_refused() {
        for options in [
            &[("metric.name", "a"), ("metric.name.field", "b")][..],
            &[("label.fields", "a")],
            &[("metric.name", "a"), ("label.fields", "1x=a")],
            &[("metric.name", "")],
        ] {
            assert!(mapping(options).is_err(), "{options:?}");
        }
    }
}
