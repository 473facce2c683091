//! Between the bytes of topics and the records of connectors: converters, and transforms between them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use millstream_client::{Fetched, Header, Record as Wire};

use super::failure::{DATA_EXCEPTION, Failure, Stage};
use crate::converters::{ConvertError, Converter, ConverterKind, converter};
use crate::data::{SchemaAndValue, Value};
use crate::options::{Fault, Given};
use crate::record::{Origin, Record, TimestampType};
use crate::transforms::Chain;

/// What happens to a record between a topic and a connector.
#[derive(Debug)]
pub(crate) struct Conversion {
    key: Side,
    value: Side,
    header: Side,
    chain: Chain,
}

/// A converter and what failures of it are told as.
#[derive(Debug)]
struct Side {
    converter: Arc<dyn Converter>,
    class: &'static str,
    stage: Stage,
}

/// A record as it goes into a topic; borrowed from the record as far as that has it so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Encoded<'a> {
    pub(crate) key: Option<Cow<'a, [u8]>>,
    pub(crate) value: Option<Cow<'a, [u8]>>,
    pub(crate) headers: Vec<EncodedHeader<'a>>,
}

type EncodedHeader<'a> = (Cow<'a, str>, Option<Cow<'a, [u8]>>);

/// What converts where neither connector nor worker says: text keys, JSON without schemas, headers as Kafka Connect reads them.
const DEFAULTS: [(&str, &str); 3] = [("key", "string"), ("value", "json"), ("header", "simple-header")];

impl Conversion {
    /// What a connector says, or else its worker. Whoever names a converter begins anew; options that a connector has without a
    /// name are said to the worker's converter, for this connector. Kafka Connect takes those and does nothing with them.
    pub(crate) fn read(
        connector: &BTreeMap<String, String>,
        worker: &BTreeMap<String, String>,
    ) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let mut side = |(side, default): (&str, &'static str), stage| {
            Side::read(side, default, stage, connector, worker)
                .map_err(|mut wrong| faults.append(&mut wrong))
                .ok()
        };
        let key = side(DEFAULTS[0], Stage::KeyConverter);
        let value = side(DEFAULTS[1], Stage::ValueConverter);
        let header = side(DEFAULTS[2], Stage::HeaderConverter);
        let chain = Chain::read(connector).map_err(|mut wrong| faults.append(&mut wrong)).ok();
        match (key, value, header, chain) {
            (Some(key), Some(value), Some(header), Some(chain)) => Ok(Self { key, value, header, chain }),
            _ => Err(faults),
        }
    }

    /// The record that bytes of a topic are.
    pub(crate) fn decode(&self, fetched: &Fetched, wire: &Wire<'_>) -> Result<Record, Failure> {
        self.decode_with(fetched, wire, |side, topic, bytes| side.converter.read(topic, bytes))
    }

    /// The same for a sink that [keeps JSON](crate::SinkTask::keeps_json).
    pub(crate) fn decode_or_keep(&self, fetched: &Fetched, wire: &Wire<'_>) -> Result<Record, Failure> {
        self.decode_with(fetched, wire, |side, topic, bytes| side.converter.read_or_keep(topic, bytes))
    }

    fn decode_with(
        &self,
        fetched: &Fetched,
        wire: &Wire<'_>,
        read_value: impl Fn(&Side, &str, Option<&Bytes>) -> Result<SchemaAndValue, ConvertError>,
    ) -> Result<Record, Failure> {
        let topic = &fetched.partition.topic;
        let hold = |bytes: Option<&[u8]>| bytes.map(|bytes| held(&fetched.bytes, bytes));
        let data = |side: &Side, bytes| {
            side.converter.read(topic, hold(bytes).as_ref()).map_err(|error| side.failure(&error))
        };
        let value = read_value(&self.value, topic, hold(wire.value).as_ref());
        let mut headers = Vec::new();
        for header in wire.headers {
            headers
                .push((String::from_utf8_lossy(header.key).into_owned(), data(&self.header, header.value)?));
        }
        let origin = Origin {
            topic: Arc::clone(topic),
            partition: fetched.partition.partition,
            offset: wire.offset.0,
            timestamp_type: TimestampType::CreateTime,
        };
        Ok(Record {
            topic: Arc::clone(topic),
            partition: Some(fetched.partition.partition),
            key: data(&self.key, wire.key)?,
            value: value.map_err(|error| self.value.failure(&error))?,
            timestamp: (wire.timestamp >= 0).then_some(wire.timestamp),
            headers,
            origin: Some(origin),
        })
    }

    /// The bytes of a record.
    pub(crate) fn encode<'a>(&self, record: &'a Record) -> Result<Encoded<'a>, Failure> {
        let topic = &*record.topic;
        let header = |(name, data): &'a (String, _)| {
            Ok((Cow::Borrowed(name.as_str()), self.header.bytes_of(topic, data)?))
        };
        Ok(Encoded {
            headers: record.headers.iter().map(header).collect::<Result<_, Failure>>()?,
            key: self.key.bytes_of(topic, &record.key)?,
            value: self.value.bytes_of(topic, &record.value)?,
        })
    }

    /// Whether there are transforms.
    pub(crate) fn transforms(&self) -> bool {
        !self.chain.is_empty()
    }

    /// The record as transforms leave it; `None`: they drop it.
    pub(crate) fn transform(&self, record: Record) -> Result<Option<Record>, Failure> {
        self.chain.run(record).map_err(|(error, class)| Failure {
            stage: Stage::Transformation,
            class: class.to_owned(),
            exception: DATA_EXCEPTION,
            message: error.to_string(),
        })
    }
}

impl Side {
    fn read(
        side: &str,
        default: &'static str,
        stage: Stage,
        connector: &BTreeMap<String, String>,
        worker: &BTreeMap<String, String>,
    ) -> Result<Self, Vec<Fault>> {
        let option = format!("{side}.converter");
        let (mut name, mut options) = (default, BTreeMap::new());
        if default == "json" {
            options.insert("schemas.enable".to_owned(), "false".to_owned());
        }
        for said in [worker, connector] {
            if let Some(named) = said.get(&option) {
                (name, options) = (named.as_str(), BTreeMap::new());
            }
            options.extend(Given::new(said).below(&format!("{option}.")));
        }
        let is_own = connector.contains_key(&option);
        let behind = |fault: Fault| {
            if fault.option == "converter" {
                // The converter does not know which it is to be.
                let message = fault.message.replacen(
                    "configuration converter:",
                    &format!("configuration {option}:"),
                    1,
                );
                return Fault::new(option.clone(), message);
            }
            let whole = format!("{option}.{}", fault.option);
            let message = fault.message.replacen(&fault.option, &whole, 1);
            Fault::new(whole, if is_own { message } else { format!("{message} ({option} is {name})") })
        };
        let made =
            converter(name, &options).map_err(|faults| faults.into_iter().map(behind).collect::<Vec<_>>())?;
        let class = ConverterKind::find(name).map_or("", |kind| kind.class);
        Ok(Self { converter: made, class, stage })
    }

    fn bytes_of<'a>(&self, topic: &str, data: &'a SchemaAndValue) -> Result<Option<Cow<'a, [u8]>>, Failure> {
        self.converter.write(topic, data).map_err(|error| self.failure(&error))
    }

    fn failure(&self, error: &ConvertError) -> Failure {
        let (stage, class) = (self.stage, self.class.to_owned());
        Failure { stage, class, exception: DATA_EXCEPTION, message: error.to_string() }
    }
}

impl<'a> Encoded<'a> {
    /// A record that no converter takes, for its dead letter: bytes and text as they are, everything else as JSON.
    pub(crate) fn plain(record: &'a Record) -> Self {
        let bytes = |data: &'a SchemaAndValue| match &data.value {
            Value::Null => None,
            value => Some(match value.as_bytes() {
                Some(bytes) => Cow::Borrowed(bytes),
                None => Cow::Owned(value.to_json().to_string().into_bytes()),
            }),
        };
        Self {
            key: bytes(&record.key),
            value: bytes(&record.value),
            headers: record.headers.iter().map(|(name, data)| (name.as_str().into(), bytes(data))).collect(),
        }
    }

    /// A record as it was read or is to be written.
    pub(crate) fn copy(wire: &Wire<'_>) -> Encoded<'static> {
        let copy = |bytes: Option<&[u8]>| bytes.map(|bytes| Cow::Owned(bytes.to_vec()));
        let header = |header: Header<'_>| {
            (Cow::Owned(String::from_utf8_lossy(header.key).into_owned()), copy(header.value))
        };
        Encoded {
            key: copy(wire.key),
            value: copy(wire.value),
            headers: wire.headers.into_iter().map(header).collect(),
        }
    }

    /// Bytes of key and value.
    pub(crate) fn len(&self) -> usize {
        [&self.key, &self.value].into_iter().flatten().map(|bytes| bytes.len()).sum()
    }

    /// As a producer takes them.
    pub(crate) fn headers(&self) -> Vec<Header<'_>> {
        self.headers
            .iter()
            .map(|(key, value)| Header { key: key.as_bytes(), value: value.as_deref() })
            .collect()
    }
}

/// The part as bytes that share the memory of the whole, unless it lies elsewhere: what was compressed does.
fn held(whole: &Bytes, part: &[u8]) -> Bytes {
    let (all, own) = (whole.as_ptr_range(), part.as_ptr_range());
    if all.start <= own.start && own.end <= all.end {
        whole.slice_ref(part)
    } else {
        Bytes::copy_from_slice(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_without_a_converters_name_are_said_to_the_one_that_holds() {
        let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let written = |connector: &[(&str, &str)], worker: &[(&str, &str)]| {
            let conversion = Conversion::read(&map(connector), &map(worker)).unwrap();
            let record = Record::new("t".into(), SchemaAndValue::string("é"));
            String::from_utf8_lossy(&conversion.encode(&record).unwrap().value.unwrap()).into_owned()
        };
        let (json, plain) = (("value.converter", "json"), ("value.converter.schemas.enable", "false"));
        let enveloped = r#"{"schema":{"type":"string","optional":false},"payload":"é"}"#;
        assert_eq!(written(&[], &[json]), enveloped);
        assert_eq!(written(&[plain], &[json]), "\"é\"");
        assert_eq!(written(&[], &[("value.converter.schemas.enable", "true")]), enveloped);
        // Who names a converter is not told what others said to theirs.
        assert_eq!(written(&[json], &[json, plain]), enveloped);
        assert_eq!(written(&[("value.converter", "string")], &[json, plain]), "é");
    }
}
