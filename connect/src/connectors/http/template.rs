//! Texts with places for parts of a record.

use super::super::places;
use crate::Record;
use crate::data::Value;

/// How what is filled in is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escape {
    /// Into an address: everything but letters, digits and `-._~` by its code.
    Url,
    /// Into JSON: texts without their quotes, everything else as JSON.
    Json,
}

/// A text with places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    parts: Vec<Part>,
    /// Of an address: how many segments of its path, `.` and `..`, lead elsewhere as the template itself has them.
    astray: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Topic,
    Partition,
    Offset,
    Timestamp,
    Key,
    Value,
    /// A field of the value, by JSON pointer.
    Field(String),
}

/// What a template can say.
const PLACES: &str =
    "${topic}, ${partition}, ${offset}, ${timestamp}, ${key}, ${value} and ${value:/json/pointer}";

impl Template {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let parts = places::parse(text, Part::Text, Part::parse)?;
        let plain = parts.iter().map(|part| if let Part::Text(text) = part { text } else { "x" });
        let astray = astray(&plain.collect::<String>());
        Ok(Self { parts, astray })
    }

    /// Whether it is the same for every record.
    pub(super) fn is_fixed(&self) -> bool {
        self.parts.iter().all(|part| matches!(part, Part::Text(_)))
    }

    /// The text for a record, or what the record lacks. An address has the path that the template says, whatever the record has in
    /// it: a key that is empty, `.` or `..` would name what lies above.
    pub(super) fn fill(&self, record: &Record, escape: Escape) -> Result<String, String> {
        let mut out = String::new();
        for part in &self.parts {
            let before = out.len();
            part.fill(record, escape, &mut out)?;
            if escape == Escape::Url && out.len() == before && !out.contains(['?', '#']) {
                return Err(format!("{} is empty, and stands in the path of url", part.name()));
            }
        }
        if escape == Escape::Url && astray(&out) != self.astray {
            return Err("it would make . or .. a part of the path of url, which leads elsewhere".to_owned());
        }
        Ok(out)
    }
}

/// Segments of an address's path that lead to another than the one they stand in, as every reader of addresses takes them.
fn astray(address: &str) -> usize {
    let path = address.split(['?', '#']).next().unwrap_or_default();
    let segments = path.split(['/', '\\']);
    segments.filter(|segment| matches!(&*segment.to_lowercase().replace("%2e", "."), "." | "..")).count()
}

impl Part {
    fn fill(&self, record: &Record, escape: Escape, out: &mut String) -> Result<(), String> {
        let number = |number: Option<i64>| {
            let number = number.ok_or_else(|| format!("the record has no {}", self.name()))?;
            Ok::<_, String>(number.to_string())
        };
        let origin = record.origin.as_ref();
        match self {
            Self::Text(text) => out.push_str(text),
            Self::Topic => write(&Value::string(&*record.topic), escape, out),
            Self::Partition => *out += &number(origin.map(|origin| origin.partition.into()))?,
            Self::Offset => *out += &number(origin.map(|origin| origin.offset))?,
            Self::Timestamp => *out += &number(record.timestamp)?,
            Self::Key => write(&record.key.value, escape, out),
            Self::Value => write(&record.value.value, escape, out),
            Self::Field(pointer) => {
                let field = field(&record.value.value, pointer);
                write(field.ok_or_else(|| format!("the record has no {pointer}"))?, escape, out);
            }
        }
        Ok(())
    }

    /// For messages.
    fn name(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Topic => "topic",
            Self::Partition => "partition",
            Self::Offset => "offset",
            Self::Timestamp => "timestamp",
            Self::Key => "key",
            Self::Value => "value",
            Self::Field(pointer) => pointer,
        }
    }

    fn parse(place: &str) -> Result<Self, String> {
        Ok(match place {
            "topic" => Self::Topic,
            "partition" => Self::Partition,
            "offset" => Self::Offset,
            "timestamp" => Self::Timestamp,
            "key" => Self::Key,
            "value" => Self::Value,
            _ => match place.strip_prefix("value:") {
                Some(pointer) if pointer.starts_with('/') => Self::Field(pointer.to_owned()),
                _ => return Err(format!("${{{place}}} is nothing that can be filled in: {PLACES} are")),
            },
        })
    }
}

fn field<'a>(value: &'a Value, pointer: &str) -> Option<&'a Value> {
    pointer.split('/').skip(1).try_fold(value, |value, name| {
        let name = name.replace("~1", "/").replace("~0", "~");
        match value.as_array() {
            Some(items) => items.get(name.parse::<usize>().ok()?),
            None => value.get(&name),
        }
    })
}

fn write(value: &Value, escape: Escape, out: &mut String) {
    let text = match (value, escape) {
        (Value::String(text), Escape::Url) => text.to_string(),
        // A record without a key names nothing.
        (Value::Null, Escape::Url) => String::new(),
        (Value::String(text), Escape::Json) => {
            let quoted = serde_json::Value::from(&**text).to_string();
            quoted[1..quoted.len() - 1].to_owned()
        }
        (value, _) => value.to_json().to_string(),
    };
    match escape {
        Escape::Json => out.push_str(&text),
        Escape::Url => {
            for byte in text.bytes() {
                match byte {
                    b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                        out.push(byte.into())
                    }
                    _ => out.push_str(&format!("%{byte:02X}")),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Map, SchemaAndValue};
    use crate::{Origin, TimestampType};

    fn record() -> Record {
        let inner = Map::new().with("a/b", "x \"y\"").with("n", 7);
        let value = Map::new().with("in", inner).with("list", Value::Array(vec![Value::Boolean(true)]));
        let timestamp_type = TimestampType::CreateTime;
        let origin = Origin { topic: "t".into(), partition: 3, offset: 41, timestamp_type };
        let record = Record::new("a b".into(), SchemaAndValue::schemaless(value)).at(5);
        Record { origin: Some(origin), ..record.key(SchemaAndValue::string("k/1")) }
    }

    #[test]
    fn places_are_filled_in_and_escaped_for_where_they_stand() {
        for (template, escape, expected) in [
            ("http://h/${topic}/${key}?o=${offset}", Escape::Url, "http://h/a%20b/k%2F1?o=41"),
            ("{\"k\": \"${key}\", \"n\": ${value:/in/n}}", Escape::Json, "{\"k\": \"k/1\", \"n\": 7}"),
            ("\"${value:/in/a~1b}\"", Escape::Json, "\"x \\\"y\\\"\""),
            ("${partition}.${timestamp}.${value:/list/0}", Escape::Json, "3.5.true"),
            ("${value:/in}", Escape::Url, "%7B%22a%2Fb%22%3A%22x%20%5C%22y%5C%22%22%2C%22n%22%3A7%7D"),
            ("fixed", Escape::Url, "fixed"),
        ] {
            let parsed = Template::parse(template).unwrap();
            assert_eq!(parsed.fill(&record(), escape).unwrap(), expected, "{template}");
            assert_eq!(parsed.is_fixed(), template == "fixed");
        }
        let missing = Template::parse("${value:/in/none}").unwrap().fill(&record(), Escape::Json);
        assert!(missing.unwrap_err().contains("/in/none"));
        let unread = Record { origin: None, ..record() };
        assert!(Template::parse("${offset}").unwrap().fill(&unread, Escape::Url).is_err());
    }

    #[test]
    fn no_key_leads_to_another_path() {
        let fill = |template: &str, key: SchemaAndValue| {
            Template::parse(template).unwrap().fill(&record().key(key), Escape::Url)
        };
        let text = |text: &str| SchemaAndValue::string(text);
        for template in ["http://h/docs/${key}", "http://h/docs/${key}/x", "http://h/docs/${key}?refresh=1"] {
            for key in ["", ".", ".."] {
                assert!(fill(template, text(key)).unwrap_err().contains("path"), "{template} with {key:?}");
            }
            assert!(fill(template, SchemaAndValue::NULL).is_err());
            assert!(fill(template, text("...")).is_ok() && fill(template, text("a.b")).is_ok());
        }
        assert!(fill("http://h/docs/.${key}", text(".")).is_err());
        assert!(fill("http://h/docs/%2e${key}", text(".")).is_err());
        assert!(fill("http://h/${key}${topic}", text(".")).is_ok(), "it is .a b");
        assert_eq!(fill("http://h/a/../b?k=${key}", text("..")).unwrap(), "http://h/a/../b?k=..");
        assert_eq!(fill("http://h/b?k=${key}", text("")).unwrap(), "http://h/b?k=");
    }

    #[test]
    fn what_cannot_be_filled_in_is_named() {
        for template in ["${Topic}", "${value:x}", "${", "${}"] {
            assert!(Template::parse(template).is_err(), "{template}");
        }
    }
}
