//! All that is wrong with a connector's configuration, before it runs.

use std::collections::BTreeMap;

use super::clients::Clients;
use super::conversion::Conversion;
use super::options::{ConnectorOptions, ErrorOptions, SinkOptions, SourceOptions, all_of_named};
use super::subscription::Subscription;
use super::topics::TopicCreation;
use super::worker::WorkerOptions;
use crate::config::{Secrets, is_hidden, is_password, is_written, strangers};
use crate::options::{Fault, Given, Options, unknown};
use crate::registry::{Plugin, Registry};

/// Names that begin so are read, and their faults found, by what they configure.
const OTHERS: [&str; 9] = [
    "key.converter.",
    "value.converter.",
    "header.converter.",
    "transforms.",
    "predicates.",
    "producer.override.",
    "consumer.override.",
    "admin.override.",
    "topic.creation.",
];
/// Of Kafka Connect, and without meaning where nothing is loaded at run time.
const INERT: [&str; 2] = ["connector.plugin.version", "task.class"];

/// All that is wrong: what is missing, what cannot be, and names that nobody knows. What references stand for is looked at, and
/// not shown.
#[must_use]
pub fn faults(
    registry: &Registry,
    settings: &BTreeMap<String, String>,
    config: &BTreeMap<String, String>,
) -> Vec<Fault> {
    let worker = match WorkerOptions::read(&Given::new(settings)) {
        Ok(worker) => worker,
        Err(faults) => return faults,
    };
    let secrets = worker.secrets();
    let mut resolved = BTreeMap::new();
    let mut unresolved = Vec::new();
    for (name, text) in config {
        match secrets.resolve_text(text) {
            Ok(text) => {
                resolved.insert(name.clone(), text.into_owned());
            }
            Err(error) => unresolved.push(Fault::new(name, error.to_string())),
        }
    }
    if !unresolved.is_empty() {
        return unresolved;
    }
    let known = all_of_named(registry, config);
    let veil = secrets.veil(config, |name| is_password(&known, name));
    let hide = |fault: Fault| Fault {
        option: veil.over(&fault.option).into_owned(),
        message: veil.over(&fault.message).into_owned(),
    };
    let beside = Beside { registry, settings, worker: &worker };
    faults_of(&beside, &resolved).into_iter().map(hide).collect()
}

/// Of Confluent's connectors, whatever they connect, by what they begin with: what to write instead.
const INSTEAD: [(&str, &str); 4] = [
    ("confluent.license", "no license is needed: leave it out"),
    ("confluent.topic.", "it says where a license is kept, and none is needed: leave it out"),
    (
        "reporter.error.",
        "write errors.deadletterqueue.topic.name: what fails goes there, with why in its headers",
    ),
    (
        "reporter.",
        "what has succeeded is told nowhere, and what has not is in the dead letters: leave it out",
    ),
];

fn instead(name: &str) -> Option<&'static str> {
    INSTEAD.iter().find(|(begins, _)| name.starts_with(begins)).map(|(_, instead)| *instead)
}

/// What a configuration is looked at beside.
struct Beside<'a> {
    registry: &'a Registry,
    settings: &'a BTreeMap<String, String>,
    worker: &'a WorkerOptions,
}

fn faults_of(beside: &Beside<'_>, config: &BTreeMap<String, String>) -> Vec<Fault> {
    let Beside { registry, settings, worker } = *beside;
    let given = Given::new(config);
    let mut faults = ConnectorOptions::read(&given).err().unwrap_or_default();
    let mut known = ConnectorOptions::definitions();
    let class = config.get("connector.class").map(String::as_str);
    match class.map(|class| registry.find(class)) {
        None => {}
        Some(Err(fault)) => {
            faults.push(fault);
            return faults;
        }
        Some(Ok(plugin)) => {
            faults.extend(plugin.faults(config));
            known.extend(plugin.definitions());
            match plugin {
                Plugin::Source(_) => {
                    known.extend(SourceOptions::definitions());
                    let creation = SourceOptions::read(&given)
                        .and_then(|options| TopicCreation::read(config, &options.creation_groups));
                    faults.extend(creation.err().unwrap_or_default());
                }
                Plugin::Sink(_) => {
                    known.extend(SinkOptions::definitions());
                    faults.extend(read_by(config));
                }
            }
            let others = |name: &str| {
                OTHERS.iter().any(|own| name.starts_with(own))
                    || INERT.contains(&name)
                    || instead(name).is_some()
            };
            faults.extend(unknown(&given, &known, others));
            let told = |name: &String| Some(Fault::new(name, format!("{name}: {}", instead(name)?)));
            faults.extend(config.keys().filter_map(told));
        }
    }
    let of_worker = converter_faults(settings);
    let conversion = Conversion::read(config, settings).err().unwrap_or_default();
    faults.extend(conversion.into_iter().filter(|fault| !of_worker.contains(fault)));
    faults.extend(worker.override_policy.faults(config));
    faults.extend(overrides(config));
    let all = all_of_named(registry, config);
    let shown = config.iter().filter(|(name, value)| is_hidden(value, is_password(&all, name)));
    faults.extend(shown.map(|(name, _)| {
        let why = format!(
            "what stood in {name} was hidden when it was shown: write the password, or a reference as ${{env:NAME}}"
        );
        Fault::new(name, why)
    }));
    faults
}

/// What is wrong with the converters that a worker's settings name.
#[must_use]
pub fn converter_faults(settings: &BTreeMap<String, String>) -> Vec<Fault> {
    Conversion::read(&BTreeMap::new(), settings).err().unwrap_or_default()
}

/// What works and will hurt one day: passwords that everybody has who has the file, and references that are none.
#[must_use]
pub fn warnings(registry: &Registry, config: &BTreeMap<String, String>) -> Vec<Fault> {
    let known = all_of_named(registry, config);
    let is_word =
        |name: &str, value: &str| is_written(value, is_password(&known, name)) && strangers(value).is_empty();
    let written = config.iter().filter(|(name, value)| is_word(name, value));
    let warning = |(name, _): (&String, &String)| {
        let why = format!(
            "a password is written as it is in {name}: write {REFERENCES} in its place, and only the worker has it"
        );
        Fault::new(name, why)
    };
    written.map(warning).chain(strange_references(config)).collect()
}

/// How secrets are referred to.
const REFERENCES: &str = "${env:NAME}, ${file:/path:key} or ${dir:/path:file}";

/// What a configuration takes for a reference, as it stands there: it is a text like others.
pub(super) fn strange_references(config: &BTreeMap<String, String>) -> impl Iterator<Item = Fault> {
    config.iter().flat_map(|(name, value)| {
        strangers(value).into_iter().map(move |stranger| {
            let why = format!(
                "{stranger} in {name} is no reference to a secret and stays as it is: write {REFERENCES}"
            );
            Fault::new(name, why)
        })
    })
}

/// A text about a connector, as it may be shown: what its configuration keeps secret is hidden.
#[must_use]
pub fn concealed(
    registry: &Registry,
    secrets: &Secrets,
    config: &BTreeMap<String, String>,
    text: &str,
) -> String {
    let known = all_of_named(registry, config);
    secrets.veil(config, |name| is_password(&known, name)).over(text).into_owned()
}

/// What is wrong with a sink's topics and its options. What is wrong with the others has been told.
fn read_by(config: &BTreeMap<String, String>) -> Vec<Fault> {
    let options = SinkOptions::read(&Given::new(config)).err();
    let errors = ErrorOptions::read(&Given::new(config)).is_ok();
    options.or_else(|| Subscription::read(config).err().filter(|_| errors)).unwrap_or_default()
}

/// Overrides that no client knows, or cannot take.
fn overrides(config: &BTreeMap<String, String>) -> Vec<Fault> {
    let clients = Clients::new(&BTreeMap::new(), config, String::new());
    let producer = clients.producer_config("").err().map(|error| ("producer.override.", error));
    let consumer = clients.consumer_config("").err().map(|error| ("consumer.override.", error));
    let told = |(prefix, error): (&'static str, millstream_client::ConfigError)| {
        Fault::new(prefix.trim_end_matches('.'), error.behind(prefix).to_string())
    };
    producer.into_iter().chain(consumer).map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_no_path_can_have_is_refused() {
        let worker = BTreeMap::from([("bootstrap.servers".to_owned(), "localhost:1".to_owned())]);
        let said = |name: &str| {
            let config = [("connector.class", "datagen"), ("name", name), ("topic", "t")];
            let config = config.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
            faults(&Registry::built_in(), &worker, &config)
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        assert!(said("ünï/ code").is_empty());
        assert!(said("")[0].contains("String may not be empty"));
        assert!(said("a\u{1}\nb")[0].ends_with("ASCII chars: 1, 10"), "{:?}", said("a\u{1}\nb"));
    }

    #[test]
    fn options_of_a_converter_without_its_name_are_those_of_the_workers() {
        let said = |worker: &[(&str, &str)], more: &[(&str, &str)]| {
            let map = |pairs: Vec<(&str, &str)>| {
                pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
            };
            let settings = map([&[("bootstrap.servers", "localhost:1")], worker].concat());
            let all = [&[("connector.class", "datagen"), ("name", "a"), ("topic", "t")], more].concat();
            let faults = faults(&Registry::built_in(), &settings, &map(all));
            faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        };
        let (plain, encoding) =
            (("value.converter.schemas.enable", "false"), ("value.converter.encoding", "latin1"));
        let string = ("value.converter", "string");
        assert_eq!(said(&[], &[plain]), "");
        assert_eq!(said(&[string], &[plain, encoding]), "");
        let none = said(&[], &[encoding]);
        assert_eq!(none, "Unknown configuration value.converter.encoding (value.converter is json)");
        let near = said(&[string], &[("value.converter.encodng", "latin1")]);
        assert!(near.contains("did you mean encoding? (value.converter is string)"), "{near}");
        // What is wrong with the worker is told of the worker, once.
        assert_eq!(said(&[("value.converter", "jsn")], &[]), "");
        assert!(said(&[("value.converter", "jsn")], &[("value.converter", "jsn2")]).contains("jsn2"));
    }

    #[test]
    fn what_confluents_quick_starts_say_beside_the_connector_is_told_with_what_to_write() {
        let settings = BTreeMap::from([("bootstrap.servers".to_owned(), "localhost:1".to_owned())]);
        let config = "name=HttpSink topics=http-messages tasks.max=1 connector.class=io.confluent.connect.http.HttpSinkConnector \
                      http.api.url=http://localhost:8080/api confluent.topic.bootstrap.servers=localhost:9092 \
                      confluent.topic.replication.factor=1 reporter.bootstrap.servers=localhost:9092 \
                      reporter.error.topic.name=errors confluent.license=x";
        let config = config.split_whitespace().filter_map(|pair| pair.split_once('='));
        let config = config.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let faults = faults(&Registry::built_in(), &settings, &config);
        let said = faults.iter().map(ToString::to_string).collect::<Vec<_>>();
        let whole = |part: &str| said.iter().filter(|said| said.contains(part)).count();
        assert_eq!(
            (said.len(), whole("leave it out"), whole("errors.deadletterqueue.topic.name")),
            (5, 4, 1),
            "{said:?}"
        );
    }

    #[test]
    fn a_reference_to_what_is_not_there_is_warned_of() {
        let config = [
            ("connector.class", "postgres"),
            ("connection.password", "${vault:db:word}"),
            ("topics", "${x}"),
        ];
        let config = config.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let said = warnings(&Registry::built_in(), &config);
        assert_eq!(said.len(), 1, "{said:?}");
        assert_eq!(
            said[0].message,
            "${vault:db:word} in connection.password is no reference to a secret and stays as it is: write ${env:NAME}, \
             ${file:/path:key} or ${dir:/path:file}"
        );
    }

    #[test]
    fn what_a_reference_stands_for_is_looked_at_and_not_shown() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("of.properties");
        std::fs::write(&file, "good=http://host:1/write\nbad=s3cret\n").unwrap();
        let worker = BTreeMap::from([("bootstrap.servers".to_owned(), "localhost:1".to_owned())]);
        let said = |key: &str| {
            let url = format!("${{file:{}:{key}}}", file.display());
            let config = [
                ("connector.class", "prometheus-remote-write"),
                ("name", "a"),
                ("topics", "t"),
                ("url", &url),
            ];
            let config = config.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
            let faults = faults(&Registry::built_in(), &worker, &config);
            (url, faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
        };
        assert_eq!(said("good").1, "");
        let (url, wrong) = said("bad");
        assert!(
            wrong.contains(&url) && wrong.contains("must be an address") && !wrong.contains("s3cret"),
            "{wrong}"
        );
        assert!(said("none").1.contains("has no entry none"));
    }
}
