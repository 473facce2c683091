//! Between the bytes of a topic and [Connect's data](crate::data): what `key.converter`, `value.converter` and
//! `header.converter` name.

mod bytes;
mod charset;
mod error;
mod header;
mod json;
mod primitive;
mod string;

use crate::data::SchemaAndValue;
use crate::options::{Definition, Fault, Given, Options, unknown};
use ::bytes::Bytes;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

pub use bytes::BytesConverter;
pub use charset::Charset;
pub use error::ConvertError;
pub use header::SimpleHeaderConverter;
pub(crate) use json::verbatim;
pub use json::{DecimalFormat, JsonConverter, JsonOptions};
pub use primitive::{Primitive, PrimitiveConverter};
pub use string::{StringConverter, StringOptions};

/// Makes Connect's data of a record's bytes and bytes of data: of its key, its value, or a header.
/// It holds nothing between records but caches, and is shared by tasks.
pub trait Converter: Debug + Send + Sync {
    /// What the bytes are. No bytes at all are null.
    ///
    /// # Errors
    /// [`ConvertError`] if they are nothing that this converter writes.
    fn read(&self, topic: &str, bytes: Option<&Bytes>) -> Result<SchemaAndValue, ConvertError>;

    /// The same for one who writes JSON again: where the bytes are JSON that says so already, they may be kept as the text that they
    /// are, with a schema of their own (see [`SinkTask::keeps_json`](crate::SinkTask::keeps_json)).
    ///
    /// # Errors
    /// As [`Converter::read`].
    fn read_or_keep(&self, topic: &str, bytes: Option<&Bytes>) -> Result<SchemaAndValue, ConvertError> {
        self.read(topic, bytes)
    }

    /// The bytes, or none for null. What lies in the data as it is written is borrowed from there.
    ///
    /// # Errors
    /// [`ConvertError`] if this converter cannot write such data.
    fn write<'a>(&self, topic: &str, data: &'a SchemaAndValue)
    -> Result<Option<Cow<'a, [u8]>>, ConvertError>;
}

/// Makes a converter of what is said to it, or says all that is wrong.
pub type Build = fn(&Given<'_>) -> Result<Arc<dyn Converter>, Vec<Fault>>;

/// A converter that can be named in a configuration.
#[derive(Clone, Copy, Debug)]
pub struct ConverterKind {
    /// Its short name.
    pub name: &'static str,
    /// Kafka's class.
    pub class: &'static str,
    /// What can be said to it.
    pub definitions: fn() -> Vec<Definition>,
    /// Makes one of what is said.
    pub build: Build,
}

fn plain<C: Converter + Default + 'static>(_: &Given<'_>) -> Result<Arc<dyn Converter>, Vec<Fault>> {
    Ok(Arc::new(C::default()))
}

const fn primitive(name: &'static str, class: &'static str, build: Build) -> ConverterKind {
    ConverterKind { name, class, definitions: Vec::new, build }
}

/// All there are.
pub const CONVERTERS: &[ConverterKind] = &[
    ConverterKind {
        name: "json",
        class: "org.apache.kafka.connect.json.JsonConverter",
        definitions: JsonOptions::definitions,
        build: |given| {
            Ok(Arc::new(JsonConverter::new(&JsonOptions::read(given)?).map_err(|fault| vec![fault])?))
        },
    },
    ConverterKind {
        name: "string",
        class: "org.apache.kafka.connect.storage.StringConverter",
        definitions: StringOptions::definitions,
        build: |given| Ok(Arc::new(StringConverter::new(&StringOptions::read(given)?))),
    },
    primitive("bytes", "org.apache.kafka.connect.converters.ByteArrayConverter", plain::<BytesConverter>),
    primitive("boolean", "org.apache.kafka.connect.converters.BooleanConverter", |_| of(Primitive::Boolean)),
    primitive("short", "org.apache.kafka.connect.converters.ShortConverter", |_| of(Primitive::Short)),
    primitive("integer", "org.apache.kafka.connect.converters.IntegerConverter", |_| of(Primitive::Integer)),
    primitive("long", "org.apache.kafka.connect.converters.LongConverter", |_| of(Primitive::Long)),
    primitive("float", "org.apache.kafka.connect.converters.FloatConverter", |_| of(Primitive::Float)),
    primitive("double", "org.apache.kafka.connect.converters.DoubleConverter", |_| of(Primitive::Double)),
    primitive(
        "simple-header",
        "org.apache.kafka.connect.storage.SimpleHeaderConverter",
        plain::<SimpleHeaderConverter>,
    ),
];

fn of(primitive: Primitive) -> Result<Arc<dyn Converter>, Vec<Fault>> {
    Ok(Arc::new(PrimitiveConverter::new(primitive)))
}

impl ConverterKind {
    /// The converter of a short name, of Kafka's class, or of the class without its package
    /// (`JsonConverter` or `Json`, as Kafka's plugin aliases).
    pub fn find(name: &str) -> Option<&'static ConverterKind> {
        CONVERTERS.iter().find(|kind| kind.is_called(name))
    }

    fn is_called(&self, name: &str) -> bool {
        let simple = self.class.rsplit('.').next().unwrap_or(self.class);
        name == self.name
            || name == self.class
            || name == simple
            || Some(name) == simple.strip_suffix("Converter")
    }
}

/// The converter of that name with those options, their names without `value.converter.` or the like.
///
/// # Errors
/// All that is wrong: a name that there is not (the nearest is named), options that cannot be.
pub fn converter(name: &str, options: &BTreeMap<String, String>) -> Result<Arc<dyn Converter>, Vec<Fault>> {
    let Some(kind) = ConverterKind::find(name) else {
        let names: Vec<_> = CONVERTERS.iter().map(|kind| kind.name).collect();
        let why =
            format!("there is no converter of that name, but {}{}", names.join(", "), without_registry(name));
        return Err(vec![Fault::invalid("converter", name, &why)]);
    };
    let given = Given::new(options);
    let unknown = unknown(&given, &(kind.definitions)(), |name| OF_ANY.contains(&name));
    match (kind.build)(&given) {
        Ok(converter) if unknown.is_empty() => Ok(converter),
        Ok(_) => Err(unknown),
        Err(wrong) => Err(unknown.into_iter().chain(wrong).collect()),
    }
}

/// What to write instead of a converter that asks a schema registry.
fn without_registry(name: &str) -> &'static str {
    let lower = name.to_ascii_lowercase();
    let asks = ["avro", "protobuf", "jsonschema"].iter().any(|format| lower.contains(format));
    if asks {
        "; a schema registry is not asked: write json, with schemas.enable where records carry schemas"
    } else {
        ""
    }
}

/// What every converter may be told, though to some it says nothing: a worker's `value.converter.schemas.enable` outlives the
/// converter it was meant for, and Kafka's worker itself says which half it converts.
const OF_ANY: [&str; 2] = ["schemas.enable", "converter.type"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_converter_is_found_by_each_of_its_names() {
        for name in ["json", "org.apache.kafka.connect.json.JsonConverter", "JsonConverter", "Json"] {
            assert_eq!(ConverterKind::find(name).map(|kind| kind.name), Some("json"), "{name}");
        }
        let avro = converter("io.confluent.connect.avro.AvroConverter", &BTreeMap::new()).unwrap_err();
        assert!(
            avro[0].message.contains("json, string") && avro[0].message.contains("write json"),
            "{}",
            avro[0]
        );
        let wrong = BTreeMap::from([("schema.enable".to_owned(), "false".to_owned())]);
        assert!(converter("json", &wrong).unwrap_err()[0].message.contains("did you mean schemas.enable"));
        for kind in CONVERTERS {
            converter(kind.class, &BTreeMap::new()).unwrap();
        }
    }
}
