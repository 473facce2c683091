use crate::connectors::refused::refuse;

refuse! {
    /// Options of Confluent's JDBC connectors that neither of ours takes; each says what to write instead.
    RefusedOfBoth;
    /// Not taken: see errors.retry.timeout.
    "connection.attempts" attempts: String, no_attempts =>
        "write errors.retry.timeout, how long is tried again in all; without it, for ever";
    /// Not taken: see errors.retry.delay.max.ms.
    "connection.backoff.ms" connection_backoff: String, no_connection_backoff =>
        "write errors.retry.delay.max.ms: pauses grow up to it";
    /// Not taken: names are quoted always.
    "quote.sql.identifiers" quoting: String, no_quoting unless ["always"] =>
        "names are quoted always, so their case counts: write always, or leave it out";
    /// Not taken: times are read and written in UTC.
    "db.timezone" timezone: String, no_timezone unless ["", "UTC", "GMT", "Z"] =>
        "times are read and written in UTC: a column of the type timestamptz is right in every zone";
    /// Not taken: what is named is read or written, of whatever type.
    "table.types" types: String, no_types unless ["TABLE", "TABLE,PARTITIONED TABLE", "TABLE,VIEW"] =>
        "leave it out: what is named may be a table, a partitioned table or a view";
    /// Not taken: only SQL Server and others have catalogs.
    "catalog.pattern" catalog: String, no_catalog unless [""] =>
        "leave it out: connection.url names the database";
}

refuse! {
    /// Options of Confluent's JDBC sink that ours does not take; each says what to write instead.
    RefusedOfSink;
    /// Not taken: see errors.retry.timeout.
    "max.retries" retries: String, no_retries =>
        "write errors.retry.timeout, how long is tried again in all; without it a database that is away is waited for";
    /// Not taken: see errors.retry.delay.max.ms.
    "retry.backoff.ms" backoff: String, no_backoff =>
        "write errors.retry.delay.max.ms: pauses grow up to it";
    /// Not taken: a value that is null is written as null.
    "replace.null.with.default" replacing: String, no_replacing unless ["false"] =>
        "write value.converter.replace.null.with.default, which says whether a null is read as its schema's default";
    /// Not taken: rows are never logged.
    "trim.sensitive.log" trimming: String, no_trimming unless ["true"] =>
        "leave it out: the log never has what is in a row";
    /// Not taken: of SQL Server.
    "mssql.use.merge.holdlock" holdlock: String, no_holdlock unless ["true", "false"] =>
        "leave it out: it concerns SQL Server";
    /// Not taken: the column's type says how a time is written.
    "timestamp.fields.list" times: String, no_times unless [""] =>
        "leave it out: a number or text that meets a column of the type timestamp is written as a time";
    /// Not taken: see db.timezone.
    "date.timezone" date_timezone: String, no_date_timezone unless ["UTC", "DB_TIMEZONE"] =>
        "dates are written in UTC: write UTC, or leave it out";
}

refuse! {
    /// Options of Confluent's JDBC source that ours does not take; each says what to write instead.
    RefusedOfSource;
    /// Not taken: see table.whitelist.
    "table.blacklist" blacklist: String, no_blacklist unless [""] =>
        "name the tables that are read in table.whitelist";
    /// Not taken: see table.whitelist.
    "table.exclude.list" excluded: String, no_excluded unless [""] =>
        "name the tables that are read in table.whitelist";
    /// Not taken: see table.whitelist.
    "schema.pattern" schema: String, no_schema unless ["", "public"] =>
        "write the schema before the table in table.whitelist, as shop.orders";
    /// Not taken: the tables are named.
    "table.poll.interval.ms" table_interval: String, no_table_interval =>
        "leave it out: the tables are those of table.whitelist";
    /// Not taken: see transactions.awaited.
    "timestamp.delay.interval.ms" delay: String, no_delay unless ["0"] =>
        "leave it out: the source waits for the transactions that are open, however long (transactions.awaited)";
    /// Not taken: all rows are read.
    "timestamp.initial" initial: String, no_initial =>
        "rows are read from the first: to begin later, stop the connector and set its offsets (PATCH /connectors/NAME/offsets), or \
         give query a table that has only the rows wanted";
    /// Not taken: times are as exact as the column.
    "timestamp.granularity" granularity: String, no_granularity unless ["connect_logical"] =>
        "leave it out: times come as Connect's Timestamp; the transform TimestampConverter makes texts or numbers";
    /// Not taken: nulls are passed over.
    "validate.non.null" non_null: String, no_non_null unless ["true", "false"] =>
        "leave it out: a row is read once its column has a value";
    /// Not taken: numbers come as the column has them.
    "numeric.mapping" numeric: String, no_numeric unless ["none"] =>
        "leave it out: a column of the type numeric comes as text with all its digits; a query with a cast (price::float8) makes \
         numbers";
    /// Not taken: numbers come as the column has them.
    "numeric.precision.mapping" precision: String, no_precision unless ["false"] =>
        "leave it out: a column of the type numeric comes as text with all its digits; a query with a cast (price::float8) makes \
         numbers";
    /// Not taken: see query.
    "query.suffix" suffix: String, no_suffix unless [""] =>
        "write what is meant into query";
    /// Not taken: see errors.retry.timeout.
    "query.retry.attempts" query_attempts: String, no_query_attempts =>
        "write errors.retry.timeout, how long is tried again in all; without it, for ever";
    /// Not taken: a read is one statement.
    "transaction.isolation.mode" isolation: String, no_isolation unless ["DEFAULT", "READ_COMMITTED"] =>
        "leave it out: each read is one statement, which sees one moment";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::options::{PostgresSinkOptions, PostgresSourceOptions};
    use crate::options::{Definition, Fault, Given, Options, unknown};

    const OF_ALL: [&str; 4] = ["name", "connector.class", "tasks.max", "topics"];

    fn faults<O: Options>(known: &[Definition], said: &str) -> Vec<String> {
        let pairs = said.split_whitespace().filter_map(|pair| pair.split_once('='));
        let given: BTreeMap<_, _> = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let given = Given::new(&given);
        let strange = unknown(&given, known, |name| OF_ALL.contains(&name));
        let wrong = O::read(&given).err().unwrap_or_default();
        strange.into_iter().chain(wrong).map(|fault: Fault| fault.to_string()).collect()
    }

    fn sink(said: &str) -> Vec<String> {
        faults::<PostgresSinkOptions>(&PostgresSinkOptions::definitions(), said)
    }

    fn source(said: &str) -> Vec<String> {
        faults::<PostgresSourceOptions>(&PostgresSourceOptions::definitions(), said)
    }

    /// Every option of Confluent's JDBC sink (10.x) with its default, or the value its quick start has.
    #[test]
    fn the_sink_takes_what_asks_for_what_happens_anyway_and_says_what_to_write_otherwise() {
        let taken = "connection.url=jdbc:postgresql://localhost:5432/postgres connection.user=a connection.password=b
            dialect.name=PostgreSqlDatabaseDialect insert.mode=upsert pk.mode=record_value pk.fields=id auto.create=true
            auto.evolve=true batch.size=3000 delete.enabled=false fields.whitelist=id table.name.format=kafka_${topic}
            db.timezone=UTC quote.sql.identifiers=ALWAYS table.types=TABLE mssql.use.merge.holdlock=true trim.sensitive.log=true
            replace.null.with.default=false timestamp.fields.list= date.timezone=DB_TIMEZONE";
        assert_eq!(sink(taken), [""; 0]);
        for refused in [
            "max.retries=10",
            "retry.backoff.ms=3000",
            "connection.attempts=3",
            "connection.backoff.ms=100",
            "db.timezone=Europe/Berlin",
            "quote.sql.identifiers=never",
            "replace.null.with.default=true",
            "timestamp.fields.list=a",
        ] {
            let said = sink(&format!("connection.url=postgres://localhost/a {refused}"));
            assert!(said.len() == 1 && said[0].contains("it is not taken; "), "{refused}: {said:?}");
        }
    }

    /// The same of Confluent's JDBC source.
    #[test]
    fn the_source_takes_what_asks_for_what_happens_anyway_and_says_what_to_write_otherwise() {
        let taken = "connection.url=jdbc:postgresql://localhost:5432/postgres connection.user=a connection.password=b
            mode=timestamp+incrementing incrementing.column.name=id timestamp.column.name=modified topic.prefix=test-
            table.whitelist=accounts query= poll.interval.ms=5000 batch.max.rows=100 validate.non.null=false
            numeric.mapping=none schema.pattern=public catalog.pattern= table.types=TABLE timestamp.delay.interval.ms=0
            db.timezone=UTC quote.sql.identifiers=always table.blacklist= timestamp.granularity=connect_logical
            transaction.isolation.mode=DEFAULT query.suffix=";
        assert_eq!(source(taken), [""; 0]);
        for refused in [
            "table.blacklist=a",
            "schema.pattern=shop",
            "numeric.mapping=best_fit",
            "timestamp.delay.interval.ms=1000",
            "timestamp.initial=-1",
            "table.poll.interval.ms=60000",
            "query.suffix=LIMIT",
            "query.retry.attempts=3",
        ] {
            let given = "connection.url=postgres://localhost/a mode=bulk table.whitelist=a";
            let said = source(&format!("{given} {refused}"));
            assert!(said.len() == 1 && said[0].contains("it is not taken; "), "{refused}: {said:?}");
        }
        assert!(source("connection.url=postgres://localhost/a mode=bulk query=")[0].contains("name tables"));
    }
}
