use super::cast::Cast;
use super::drop_all::DropAll;
use super::extract_field::ExtractField;
use super::filter::Filter;
use super::flatten::Flatten;
use super::header_from::HeaderFrom;
use super::headers::{DropHeaders, InsertHeader};
use super::hoist_field::HoistField;
use super::insert_field::InsertField;
use super::map::MapFields;
use super::mask_field::MaskField;
use super::regex_router::RegexRouter;
use super::replace_field::ReplaceField;
use super::set_schema_metadata::SetSchemaMetadata;
use super::timestamp_converter::TimestampConverter;
use super::timestamp_router::TimestampRouter;
use super::value_to_key::ValueToKey;
use super::{Target, Transform};
use crate::options::{Definition, Fault, Given, Options};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A transform with a struct of options.
pub(super) trait Configured: Transform + Sized + 'static {
    type Options: Options;

    /// Makes one; what no single option shows to be wrong is told here.
    fn new(options: Self::Options, target: Target) -> Result<Self, Fault>;
}

/// Makes a transform of what is said to it, or says all that is wrong.
pub type Build = fn(&Given<'_>, Target) -> Result<Arc<dyn Transform>, Vec<Fault>>;

/// A transform that can be named in a configuration.
#[derive(Clone, Copy, Debug)]
pub struct TransformKind {
    /// Its short name; where it has two halves to work on, that for the value, and with `-key` that for the key.
    pub name: &'static str,
    /// Kafka's class, without `$Key` and `$Value`; empty where Kafka has none.
    pub class: &'static str,
    /// Whether it works on the key or the value, as its name says.
    pub halves: bool,
    /// What it does, in a sentence.
    pub summary: &'static str,
    /// What can be said to it.
    pub definitions: fn() -> Vec<Definition>,
    /// Makes one.
    pub build: Build,
}

const fn kind<T: Configured>(
    name: &'static str,
    class: &'static str,
    halves: bool,
    summary: &'static str,
) -> TransformKind {
    TransformKind { name, class, halves, summary, definitions: T::Options::definitions, build: build::<T> }
}

fn build<T: Configured>(given: &Given<'_>, target: Target) -> Result<Arc<dyn Transform>, Vec<Fault>> {
    Ok(Arc::new(T::new(T::Options::read(given)?, target).map_err(|fault| vec![fault])?))
}

/// All there are.
pub const TRANSFORMS: &[TransformKind] = &[
    kind::<Cast>(
        "cast",
        "org.apache.kafka.connect.transforms.Cast",
        true,
        "Casts fields, or the whole, to types.",
    ),
    kind::<DropHeaders>(
        "drop-headers",
        "org.apache.kafka.connect.transforms.DropHeaders",
        false,
        "Removes headers.",
    ),
    kind::<ExtractField>(
        "extract-field",
        "org.apache.kafka.connect.transforms.ExtractField",
        true,
        "Puts one field in place of the whole.",
    ),
    kind::<DropAll>(
        "drop",
        "org.apache.kafka.connect.transforms.Filter",
        false,
        "Drops records: those its predicate says.",
    ),
    kind::<Flatten>(
        "flatten",
        "org.apache.kafka.connect.transforms.Flatten",
        true,
        "Makes fields of fields to fields of the whole.",
    ),
    kind::<HeaderFrom>(
        "header-from",
        "org.apache.kafka.connect.transforms.HeaderFrom",
        true,
        "Moves or copies fields to headers.",
    ),
    kind::<HoistField>(
        "hoist-field",
        "org.apache.kafka.connect.transforms.HoistField",
        true,
        "Makes the whole the one field of a struct or map.",
    ),
    kind::<InsertField>(
        "insert-field",
        "org.apache.kafka.connect.transforms.InsertField",
        true,
        "Adds fields: topic, partition, offset, time, or a text.",
    ),
    kind::<InsertHeader>(
        "insert-header",
        "org.apache.kafka.connect.transforms.InsertHeader",
        false,
        "Adds a header.",
    ),
    kind::<MaskField>(
        "mask-field",
        "org.apache.kafka.connect.transforms.MaskField",
        true,
        "Puts nothing, or a replacement, in place of fields' values.",
    ),
    kind::<RegexRouter>(
        "regex-router",
        "org.apache.kafka.connect.transforms.RegexRouter",
        false,
        "Renames topics by a regular expression.",
    ),
    kind::<ReplaceField>(
        "replace-field",
        "org.apache.kafka.connect.transforms.ReplaceField",
        true,
        "Keeps, drops or renames fields.",
    ),
    kind::<SetSchemaMetadata>(
        "set-schema-metadata",
        "org.apache.kafka.connect.transforms.SetSchemaMetadata",
        true,
        "Names a schema, or sets its version.",
    ),
    kind::<TimestampConverter>(
        "timestamp-converter",
        "org.apache.kafka.connect.transforms.TimestampConverter",
        true,
        "Converts times between texts, numbers and Connect's types.",
    ),
    kind::<TimestampRouter>(
        "timestamp-router",
        "org.apache.kafka.connect.transforms.TimestampRouter",
        false,
        "Puts the record's time into the topic's name.",
    ),
    kind::<ValueToKey>(
        "value-to-key",
        "org.apache.kafka.connect.transforms.ValueToKey",
        false,
        "Makes the key of fields of the value.",
    ),
    kind::<Filter>("filter", "", false, "Keeps the records for which an expression is true."),
    kind::<MapFields>("map", "", false, "Sets fields of the value by expressions."),
];

impl TransformKind {
    /// The transform of a short name, of Kafka's class or of the class without its package, and which half it works on.
    pub fn find(name: &str) -> Option<(&'static TransformKind, Target)> {
        TRANSFORMS.iter().find_map(|kind| Some((kind, kind.target(name)?)))
    }

    /// Its class in Java, or its name where Kafka has none.
    pub(super) fn class_of(&self, target: Target) -> String {
        match (self.class, self.halves, target) {
            ("", _, _) => self.name.to_owned(),
            (class, false, _) => class.to_owned(),
            (class, true, Target::Key) => format!("{class}$Key"),
            (class, true, _) => format!("{class}$Value"),
        }
    }

    fn target(&self, name: &str) -> Option<Target> {
        let is_class = |name: &str| {
            !self.class.is_empty() && (name == self.class || self.class.rsplit('.').next() == Some(name))
        };
        if name == self.name || !self.halves && is_class(name) {
            return Some(Target::Value);
        }
        if !self.halves {
            return None;
        }
        if name.strip_suffix("-key") == Some(self.name) || name.strip_suffix("$Key").is_some_and(is_class) {
            return Some(Target::Key);
        }
        name.strip_suffix("$Value").is_some_and(is_class).then_some(Target::Value)
    }
}

/// The transform of that name with those options, their names without `transforms.<alias>.`.
///
/// # Errors
/// All that is wrong: a name that there is not (the nearest is named), options that cannot be.
pub fn transform(name: &str, options: &BTreeMap<String, String>) -> Result<Arc<dyn Transform>, Vec<Fault>> {
    match TransformKind::find(name) {
        Some((kind, target)) => (kind.build)(&Given::new(options), target),
        None => Err(vec![unknown(name)]),
    }
}

/// Of others, by the beginnings of their names: what to write instead.
const INSTEAD: [(&str, &str); 5] = [
    ("io.confluent.connect.transforms.Filter", "write filter, with a condition as value.status >= 500"),
    (
        "io.confluent.connect.transforms.TombstoneHandler",
        "write drop, with a predicate of the type tombstone",
    ),
    (
        "io.confluent.connect.transforms.MessageTimestampRouter",
        "write timestamp-router: it takes the record's time",
    ),
    ("io.confluent.connect.transforms.TopicRegexRouter", "write regex-router"),
    ("io.debezium.transforms.Filter", "write filter, with a condition as value.status >= 500"),
];

pub(super) fn unknown(name: &str) -> Fault {
    if let Some((_, instead)) = INSTEAD.iter().find(|(class, _)| name.starts_with(class)) {
        return Fault::invalid("type", name, &format!("there is no such transform; {instead}"));
    }
    let nearest = TRANSFORMS.iter().max_by(|one, two| {
        let alike = |kind: &TransformKind| {
            strsim::jaro_winkler(name, kind.name).max(strsim::jaro_winkler(name, kind.class))
        };
        alike(one).total_cmp(&alike(two))
    });
    let hint = nearest.map_or_else(String::new, |kind| match (kind.halves, kind.class) {
        (true, class) => {
            format!("; the nearest are {0} ({class}$Value) and {0}-key ({class}$Key)", kind.name)
        }
        (false, class) => format!("; the nearest is {} ({class})", kind.name),
    });
    Fault::invalid("type", name, &format!("there is no such transform{hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transform_is_found_by_its_names_and_its_half() {
        let found = |name| TransformKind::find(name).map(|(kind, target)| (kind.name, target));
        for name in ["cast-key", "org.apache.kafka.connect.transforms.Cast$Key", "Cast$Key"] {
            assert_eq!(found(name), Some(("cast", Target::Key)), "{name}");
        }
        assert_eq!(found("org.apache.kafka.connect.transforms.Cast$Value"), Some(("cast", Target::Value)));
        assert_eq!(found("org.apache.kafka.connect.transforms.Filter"), Some(("drop", Target::Value)));
        assert_eq!(found("org.apache.kafka.connect.transforms.Cast"), None);
        assert_eq!(found(""), None);
        let fault =
            transform("org.apache.kafka.connect.transforms.Castt$Value", &BTreeMap::new()).unwrap_err();
        assert!(fault[0].message.contains("Cast$Value"), "{}", fault[0].message);
        let fault = transform("io.confluent.connect.transforms.Filter$Value", &BTreeMap::new()).unwrap_err();
        assert!(fault[0].message.contains("write filter, with a condition"), "{}", fault[0].message);
    }
}
