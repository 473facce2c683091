use crate::connectors::refused::refuse;

refuse! {
    /// Options of Confluent's connector that this one does not take; each says what to write instead.
    Refused;
    /// Not taken: see template.
    "quickstart" quickstart: String, no_quickstart =>
        "write template=weblog, template=orders or template=metrics: records are made up by rules, not from Avro schemas";
    /// Not taken: see template.
    "schema.filename" schema_file: String, no_schema_file =>
        "Avro schemas are not read: write template=weblog, template=orders or template=metrics";
    /// Not taken: see template.
    "schema.string" schema: String, no_schema =>
        "Avro schemas are not read: write template=weblog, template=orders or template=metrics";
    /// Not taken: the template says what the key is.
    "schema.keyfield" key_field: String, no_key_field =>
        "leave it out: the key is the path of a request, the customer of an order, the host of a metric; the transform ValueToKey \
         makes another";
    /// Not taken: see rate.
    "max.interval" interval: String, no_interval =>
        "write rate, the records a second of each task: up to 100 ms between two, 50 on average, are rate=20";
    /// Not taken: see count.
    "iterations" iterations: String, no_iterations unless ["-1"] =>
        "write count, how many records all tasks make together";
    /// Not taken: a record takes no time.
    "generate.timeout" timeout: String, no_timeout =>
        "leave it out: a record is made in microseconds";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::connectors::datagen::Datagen;
    use crate::options::{Given, Options, unknown};
    use crate::source::Source;

    type Said = <Datagen as Source>::Options;

    /// Confluent's quick start: what is meant is written in our words.
    #[test]
    fn confluents_quick_start_is_told_what_to_write() {
        let quick = [
            ("kafka.topic", "pageviews"),
            ("quickstart", "pageviews"),
            ("max.interval", "100"),
            ("iterations", "10000000"),
            ("schema.keyfield", "viewtime"),
        ];
        let given = BTreeMap::from(quick.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let given = Given::new(&given);
        assert_eq!(unknown(&given, &Said::definitions(), |_| false), []);
        let said: Vec<String> = Said::read(&given).unwrap_err().iter().map(ToString::to_string).collect();
        assert_eq!(said.len(), 4, "{said:?}");
        for written in ["template=orders", "rate", "count", "ValueToKey"] {
            assert!(said.iter().any(|fault| fault.contains(written)), "{written}: {said:?}");
        }
    }
}
