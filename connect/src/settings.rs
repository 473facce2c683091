//! What can be said to a worker, all of it: a name that nobody reads would be taken for an option that counts.

use crate::herder::{ClusterOptions, Config};
use crate::options::{Fault, Given, Options, unknown_beside};
use crate::rest::RestOptions;
use crate::runtime::{WorkerOptions, converter_faults, faults_of_worker};

/// Names that begin so are read by what they configure, which finds their faults.
const OTHERS: [&str; 9] = [
    "producer.",
    "consumer.",
    "admin.",
    "security.",
    "ssl.",
    "sasl.",
    "key.converter.",
    "value.converter.",
    "header.converter.",
];

/// Read in other places.
const KNOWN: [&str; 5] = [
    "bootstrap.servers",
    "key.converter",
    "value.converter",
    "header.converter",
    "offset.storage.file.filename",
];

/// Of Kafka Connect's workers, and without effect here: what it tunes is not there, or tunes itself.
const INERT: [&str; 29] = [
    "auto.include.jmx.reporter",
    "client.dns.lookup",
    "client.id",
    "connect.protocol",
    "connections.max.idle.ms",
    "metadata.max.age.ms",
    "metadata.recovery.rebootstrap.trigger.ms",
    "metadata.recovery.strategy",
    "metric.reporters",
    "metrics.num.samples",
    "metrics.recording.level",
    "metrics.sample.window.ms",
    "offset.flush.timeout.ms",
    "plugin.discovery",
    "plugin.path",
    "rebalance.timeout.ms",
    "receive.buffer.bytes",
    "reconnect.backoff.max.ms",
    "reconnect.backoff.ms",
    "request.timeout.ms",
    "response.http.headers.config",
    "rest.advertised.listener",
    "retry.backoff.max.ms",
    "retry.backoff.ms",
    "send.buffer.bytes",
    "socket.connection.setup.timeout.max.ms",
    "socket.connection.setup.timeout.ms",
    "worker.sync.timeout.ms",
    "worker.unsync.backoff.ms",
];

/// As [`INERT`], by what they begin with.
const INERT_BELOW: [&str; 4] = ["config.providers", "inter.worker.", "internal.", "metrics.context."];

/// Of Kafka Connect's workers, and relied on by whoever says it: what to write instead.
const INSTEAD: [(&str, &str); 4] = [
    ("rest.extension.classes", "no classes are loaded here; who may ask is said by rest.users"),
    ("exactly.once.source.support", "sources deliver at least once here; leave it out, or write disabled"),
    ("access.control.allow.origin", "pages of other origins are not answered here"),
    ("access.control.allow.methods", "pages of other origins are not answered here"),
];

/// What a worker is told that it does not know, each with the name that is nearest; and what it cannot do.
#[must_use]
pub fn faults(settings: &Config) -> Vec<Fault> {
    let mut known = WorkerOptions::definitions();
    known.extend(RestOptions::definitions());
    known.extend(ClusterOptions::definitions());
    let begins = |name: &str, with: &[&str]| with.iter().any(|prefix| name.starts_with(prefix));
    let belongs = |name: &str| {
        INERT.contains(&name)
            || INSTEAD.iter().any(|(own, _)| *own == name)
            || begins(name, &OTHERS)
            || begins(name, &INERT_BELOW)
    };
    let mut faults = unknown_beside(&KNOWN, &Given::new(settings), &known, belongs);
    let said = INSTEAD.iter().filter(|(name, _)| settings.get(*name).is_some_and(|value| counts(value)));
    faults.extend(said.map(|(name, instead)| Fault::new(*name, format!("{name}: {instead}"))));
    faults.extend(converter_faults(settings));
    // What is wrong with the worker's own options is told by whoever reads them.
    let secrets = WorkerOptions::read(&Given::new(settings)).ok().map(|options| options.secrets());
    faults.extend(secrets.map_or_else(Vec::new, |secrets| faults_of_worker(settings, &secrets)));
    faults
}

/// Whether a value asks for anything.
fn counts(value: &str) -> bool {
    !["", "disabled"].contains(&value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(pairs: &[(&str, &str)]) -> Vec<String> {
        let settings = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        faults(&settings).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_name_that_nobody_reads_is_told_with_the_one_that_is_meant() {
        assert_eq!(
            said(&[
                ("key.convertor", "json"),
                ("sesion.timeout.ms", "1"),
                ("rest.user", "me:secret"),
                ("xyzzy", "1")
            ]),
            [
                "Unknown configuration key.convertor; did you mean key.converter?",
                "Unknown configuration rest.user; did you mean rest.users?",
                "Unknown configuration sesion.timeout.ms; did you mean session.timeout.ms?",
                "Unknown configuration xyzzy",
            ]
        );
    }

    /// The options of the files that Apache Kafka comes with, and some that its users add.
    #[test]
    fn a_file_of_kafka_connects_is_taken() {
        let names = "bootstrap.servers group.id key.converter value.converter key.converter.schemas.enable \
                     value.converter.schemas.enable offset.storage.topic offset.storage.replication.factor \
                     offset.storage.partitions config.storage.topic config.storage.replication.factor status.storage.topic \
                     status.storage.replication.factor status.storage.partitions offset.flush.interval.ms listeners \
                     rest.advertised.host.name rest.advertised.port rest.advertised.listener plugin.path \
                     offset.storage.file.filename producer.acks consumer.max.poll.records admin.request.timeout.ms \
                     security.protocol sasl.mechanism ssl.truststore.location config.providers \
                     config.providers.file.class heartbeat.interval.ms session.timeout.ms client.id";
        let value = |name: &str| match name {
            "key.converter" | "value.converter" => "org.apache.kafka.connect.json.JsonConverter",
            name if name.ends_with("enable") => "true",
            "bootstrap.servers" => "localhost:9092,other:9092",
            "security.protocol" => "PLAINTEXT",
            _ => "1",
        };
        let pairs: Vec<(&str, &str)> = names.split_whitespace().map(|name| (name, value(name))).collect();
        assert_eq!(said(&pairs), [""; 0]);
    }

    #[test]
    fn what_its_clients_cannot_take_is_told_by_its_name() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("brokers"), "a:1,gateway\n").unwrap();
        let file = format!("${{dir:{}:brokers}}", dir.path().display());
        let told = |name: &str, value: &str| {
            let settings = Config::from([(name.to_owned(), value.to_owned())]);
            let faults = faults(&settings);
            assert!(faults.iter().all(|fault| fault.option == name), "{faults:?}");
            faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        };
        for (name, value, part) in [
            ("bootstrap.servers", "a:1,b", "write it as b:9092"),
            ("bootstrap.servers", "a:b", "write it as a:9092"),
            ("bootstrap.servers", "${env:NOBODY_HAS_SET_THIS}", "no variable NOBODY_HAS_SET_THIS"),
            ("producer.linger.ms", "soon", "producer.linger.ms=\"soon\""),
            ("consumer.max.pol.records", "1", "did you mean \"consumer.max.poll.records\""),
            ("security.protocol", "SASL_SSL", "PLAINTEXT"),
        ] {
            let said = told(name, value);
            assert!(said.contains(part), "{name}={value}: {said}");
        }
        let referred = told("bootstrap.servers", &file);
        assert!(referred.contains(&file) && !referred.contains("a:1"), "{referred}");
        assert_eq!(told("bootstrap.servers", "[::1]:9092,a:1"), "");
    }

    #[test]
    fn what_its_users_rely_on_is_not_passed_over() {
        let refused = said(&[
            ("rest.extension.classes", "org.example.Auth"),
            ("exactly.once.source.support", "enabled"),
        ]);
        assert!(
            refused.len() == 2 && refused.iter().any(|fault| fault.contains("rest.users")),
            "{refused:?}"
        );
        assert_eq!(
            said(&[("rest.extension.classes", ""), ("exactly.once.source.support", "disabled")]),
            [""; 0]
        );
    }
}
