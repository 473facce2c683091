use super::{Transform, TransformError, TransformKind, kind};
use crate::options::{Fault, Given, unknown};
use crate::predicates::{Predicate, PredicateKind, predicate};
use crate::record::Record;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The transforms of a connector in their order, each perhaps only for the records of which its predicate says so.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    links: Vec<Link>,
}

#[derive(Clone, Debug)]
struct Link {
    transform: Arc<dyn Transform>,
    /// Kafka's class, or our name, for whoever asks which transform failed.
    class: String,
    /// With what it must say for the transform to be applied.
    predicate: Option<Condition>,
}

type Condition = (Arc<dyn Predicate>, bool);

/// Of a transform, beside its own options.
const MARKS: [&str; 3] = ["type", "predicate", "negate"];

impl Chain {
    /// Reads `transforms`, `transforms.<alias>.…`, `predicates` and `predicates.<alias>.…` of a connector's configuration.
    ///
    /// # Errors
    /// All that is wrong, options under the names that the user wrote.
    pub fn read(config: &BTreeMap<String, String>) -> Result<Self, Vec<Fault>> {
        let given = Given::new(config);
        let mut faults = Vec::new();
        let predicates = predicates(&given, &mut faults);
        let mut links = Vec::new();
        for alias in aliases(&given, "transforms", &mut faults) {
            let prefix = format!("transforms.{alias}.");
            let options = given.below(&prefix);
            match link(&options, &predicates) {
                Ok(link) => links.push(link),
                Err(wrong) => faults.extend(wrong.into_iter().map(|fault| under(&prefix, fault))),
            }
        }
        if faults.is_empty() { Ok(Chain { links }) } else { Err(faults) }
    }

    /// Whether every record stays as it is.
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// What becomes of the record; nothing if it is dropped.
    ///
    /// # Errors
    /// That of the first transform that can do nothing with it.
    pub fn apply(&self, record: Record) -> Result<Option<Record>, TransformError> {
        self.run(record).map_err(|(error, _)| error)
    }

    /// As [`Self::apply`]; an error comes with the class of the transform.
    pub(crate) fn run(&self, mut record: Record) -> Result<Option<Record>, (TransformError, &str)> {
        for link in &self.links {
            if link
                .predicate
                .as_ref()
                .is_some_and(|(predicate, expected)| predicate.test(&record) != *expected)
            {
                continue;
            }
            match link.transform.apply(record).map_err(|error| (error, link.class.as_str()))? {
                Some(changed) => record = changed,
                None => return Ok(None),
            }
        }
        Ok(Some(record))
    }
}

type Predicates = BTreeMap<String, Arc<dyn Predicate>>;

fn predicates(given: &Given<'_>, faults: &mut Vec<Fault>) -> Predicates {
    let mut all = BTreeMap::new();
    for alias in aliases(given, "predicates", faults) {
        let prefix = format!("predicates.{alias}.");
        let options = given.below(&prefix);
        let made = kind_name(&options).and_then(|name| {
            let definitions = PredicateKind::find(name).map(|kind| (kind.definitions)()).unwrap_or_default();
            let wrong = unknown(&Given::new(&options), &definitions, |name| name == "type");
            if wrong.is_empty() { predicate(name, &options) } else { Err(wrong) }
        });
        match made {
            Ok(made) => _ = all.insert(alias, made),
            Err(wrong) => faults.extend(wrong.into_iter().map(|fault| under(&prefix, fault))),
        }
    }
    all
}

fn link(options: &BTreeMap<String, String>, predicates: &Predicates) -> Result<Link, Vec<Fault>> {
    let name = kind_name(options)?;
    let (kind, target) = TransformKind::find(name).ok_or_else(|| vec![kind::unknown(name)])?;
    let given = Given::new(options);
    let mut faults = unknown(&given, &(kind.definitions)(), |name| MARKS.contains(&name));
    let predicate = condition(options, predicates).map_err(|fault| faults.push(fault)).ok().flatten();
    match (kind.build)(&given, target) {
        Ok(transform) if faults.is_empty() => Ok(Link { transform, class: kind.class_of(target), predicate }),
        Ok(_) => Err(faults),
        Err(wrong) => Err(faults.into_iter().chain(wrong).collect()),
    }
}

fn condition(
    options: &BTreeMap<String, String>,
    predicates: &Predicates,
) -> Result<Option<Condition>, Fault> {
    let negate = match options.get("negate").map(|text| text.trim().to_ascii_lowercase()) {
        None => None,
        Some(text) => {
            Some(text.parse::<bool>().map_err(|_| Fault::invalid("negate", &text, "must be true or false"))?)
        }
    };
    match options.get("predicate").map(|name| name.trim()).filter(|name| !name.is_empty()) {
        Some(name) => match predicates.get(name) {
            Some(predicate) => Ok(Some((Arc::clone(predicate), !negate.unwrap_or(false)))),
            None => Err(Fault::invalid("predicate", name, "'predicates' has no such name")),
        },
        None if negate.is_some() => {
            Err(Fault::new("negate", "negate says nothing without a predicate: add it or leave negate out"))
        }
        None => Ok(None),
    }
}

fn kind_name(options: &BTreeMap<String, String>) -> Result<&str, Vec<Fault>> {
    options.get("type").map(|name| name.trim()).ok_or_else(|| vec![Fault::missing("type")])
}

fn aliases(given: &Given<'_>, name: &str, faults: &mut Vec<Fault>) -> Vec<String> {
    let mut aliases: Vec<String> = Vec::new();
    for alias in given.get(name).unwrap_or_default().split(',').map(str::trim) {
        match alias {
            "" if given.get(name).is_none_or(|all| all.trim().is_empty()) => {}
            "" => faults.push(Fault::invalid(name, "", "an alias is empty")),
            alias if aliases.iter().any(|other| other == alias) => {
                faults.push(Fault::invalid(name, alias, "the alias stands there twice"));
            }
            alias => aliases.push(alias.to_owned()),
        }
    }
    aliases
}

/// As the user wrote it.
fn under(prefix: &str, fault: Fault) -> Fault {
    let name = format!("{prefix}{}", fault.option);
    let message = fault.message.replacen(&fault.option, &name, 1);
    Fault::new(name, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::SchemaAndValue;

    fn config(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    }

    fn topic(chain: &Chain, topic: &str) -> Option<String> {
        let record = Record::new(topic.into(), SchemaAndValue::string("v"));
        chain.apply(record).unwrap().map(|record| record.topic.to_string())
    }

    const ROUTED: [(&str, &str); 9] = [
        ("transforms", "drop, route"),
        ("transforms.drop.type", "org.apache.kafka.connect.transforms.Filter"),
        ("transforms.drop.predicate", "tests"),
        ("transforms.route.type", "org.apache.kafka.connect.transforms.RegexRouter"),
        ("transforms.route.regex", "(.*)-eu"),
        ("transforms.route.replacement", "eu-$1"),
        ("predicates", "tests"),
        ("predicates.tests.type", "org.apache.kafka.connect.transforms.predicates.TopicNameMatches"),
        ("predicates.tests.pattern", "test-.*"),
    ];

    #[test]
    fn transforms_follow_each_other_where_their_predicates_say_so() {
        let chain = Chain::read(&config(&ROUTED)).unwrap();
        assert_eq!(topic(&chain, "logs-eu").as_deref(), Some("eu-logs"));
        assert_eq!(topic(&chain, "test-eu"), None);
        let mut negated = config(&ROUTED);
        negated.insert("transforms.drop.negate".into(), "true".into());
        let chain = Chain::read(&negated).unwrap();
        assert_eq!(topic(&chain, "logs-eu"), None);
        assert_eq!(topic(&chain, "test-eu").as_deref(), Some("eu-test"));
        assert!(Chain::read(&BTreeMap::new()).unwrap().is_empty());
    }

    #[test]
    fn all_that_is_wrong_is_told_under_the_names_that_were_written() {
        let said = |changes: &[(&str, &str)]| {
            let mut wrong = config(&ROUTED);
            wrong.extend(config(changes));
            let faults = Chain::read(&wrong).unwrap_err();
            faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        };
        assert!(
            said(&[("transforms.route.regx", "x")]).contains("transforms.route.regx; did you mean regex")
        );
        assert!(said(&[("transforms.drop.predicate", "other")]).contains("transforms.drop.predicate"));
        assert!(said(&[("transforms.route.negate", "true")]).contains("transforms.route.negate"));
        assert!(said(&[("transforms.route.regex", "(")]).contains("transforms.route.regex"));
        assert!(said(&[("transforms", "drop, none")]).contains("\"transforms.none.type\""));
        assert!(said(&[("transforms", "drop, drop")]).contains("twice"));
        assert!(said(&[("predicates.tests.pattern", "")]).contains("predicates.tests.pattern"));
    }
}
