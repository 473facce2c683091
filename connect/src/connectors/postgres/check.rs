//! What `doctor` looks at before the first record.

use tokio_postgres::Client;

use super::connection::{Purpose, Session};
use super::error::describe;
use super::names::TableName;
use super::options::{Connection, InsertMode, KeyMode, PostgresSinkOptions, PostgresSourceOptions};
use super::reading::{From, Reading};
use super::table;
use crate::Finding;

const NAME: &str = "millstream-connect doctor";

pub(super) async fn sink(options: &PostgresSinkOptions) -> Vec<Finding> {
    let (mut findings, session) = connect(&options.connection).await;
    let Some(session) = session else { return findings };
    let look = async {
        findings.extend(rights(&session.client, options).await);
        if !options.table_format.contains("${topic}") {
            findings.push(target(&session.client, options).await);
        }
    };
    if let Err(silent) = session.silence.bound(look).await {
        findings.push(Finding::wrong("connection", silent.to_string()));
    }
    findings
}

pub(super) async fn source(options: &PostgresSourceOptions) -> Vec<Finding> {
    let (mut findings, session) = connect(&options.connection).await;
    let Some(session) = session else { return findings };
    let look = sources(&session.client, options, &mut findings);
    if let Err(silent) = session.silence.bound(look).await {
        findings.push(Finding::wrong("connection", silent.to_string()));
    }
    findings
}

/// Whether what is read can be.
async fn sources(client: &Client, options: &PostgresSourceOptions, findings: &mut Vec<Finding>) {
    let sources: Vec<(String, From)> = match options.query() {
        Some(query) => vec![("query".to_owned(), From::Query(query.to_owned()))],
        None => {
            let table = |name: &String| (format!("table {name}"), From::Table(TableName::parse(name)));
            options.tables.iter().map(table).collect()
        }
    };
    for (what, from) in sources {
        findings.push(match Reading::plan(client, &from, options).await {
            Ok(_) => Finding::fine(what.clone(), "it is there, with the columns that are asked for"),
            Err(error) => Finding::wrong(what.clone(), error.to_string()),
        });
        if let (From::Table(name), Some(column)) = (&from, &options.incrementing)
            && let Ok(Some(cached)) = cached(client, name, column).await
        {
            findings.push(Finding::warning(
                what,
                format!(
                    "the sequence of {column} hands out {cached} numbers at a time: rows of a session that uses an old one are \
                     passed over. ALTER SEQUENCE … CACHE 1, or read by a column of the type xid8"
                ),
            ));
        }
    }
}

/// How many numbers a column's sequence hands out at a time, if it is more than one.
async fn cached(
    client: &Client,
    name: &TableName,
    column: &str,
) -> Result<Option<i64>, tokio_postgres::Error> {
    const CACHED: &str = "SELECT seqcache FROM pg_sequence \
         WHERE seqrelid = pg_get_serial_sequence($1, $2)::regclass AND seqcache > 1";
    Ok(client.query_opt(CACHED, &[&name.to_string(), &column]).await?.map(|row| row.get(0)))
}

async fn connect(options: &Connection) -> (Vec<Finding>, Option<Session>) {
    match Session::open(options, NAME, Purpose::Read).await {
        Ok(session) => {
            const SAID: &str = "SELECT version() || coalesce((SELECT '; encrypted by ' || version FROM pg_stat_ssl \
                 WHERE pid = pg_backend_pid() AND ssl), '; not encrypted')";
            match session.silence.bound(session.client.query_one(SAID, &[])).await {
                Ok(version) => {
                    let said = version.map_or_else(|error| describe(&error), |row| row.get(0));
                    (vec![Finding::fine("connection", said)], Some(session))
                }
                Err(silent) => (vec![Finding::wrong("connection", silent.to_string())], None),
            }
        }
        Err(error) => (vec![Finding::wrong("connection", error.to_string())], None),
    }
}

/// Whether the user may do what the sink will.
async fn rights(client: &Client, options: &PostgresSinkOptions) -> Vec<Finding> {
    const RIGHTS: &str = "SELECT current_user::text, has_database_privilege(current_database(), 'TEMP'), \
                          coalesce(has_schema_privilege(current_schema(), 'CREATE'), false)";
    let rights = match client.query_one(RIGHTS, &[]).await {
        Ok(rights) => rights,
        Err(error) => return vec![Finding::wrong("rights", describe(&error))],
    };
    let (user, stages, creates): (String, bool, bool) = (rights.get(0), rights.get(1), rights.get(2));
    let mut findings = Vec::new();
    if options.insert_mode != InsertMode::Insert && !stages {
        let what =
            format!("{user} may make no temporary tables, which upserts need: GRANT TEMP ON DATABASE …");
        findings.push(Finding::wrong("rights", what));
    }
    if !creates && (options.creates || !options.offsets_table.is_empty()) {
        let what = format!(
            "{user} may make no tables: GRANT CREATE ON SCHEMA …, or make them by hand and set auto.create=false; \
             the table of offsets is turned off with offsets.table="
        );
        findings.push(Finding::warning("rights", what));
    }
    if findings.is_empty() {
        findings.push(Finding::fine("rights", format!("{user} may do what is asked for")));
    }
    findings
}

/// Whether the one table that is written is there, with a key that upserts can use.
async fn target(client: &Client, options: &PostgresSinkOptions) -> Finding {
    let name = TableName::parse(&options.table_format);
    let what = format!("table {name}");
    match table::look_up(client, &name).await {
        Err(error) => Finding::wrong(what, error.to_string()),
        Ok(None) if options.creates => Finding::fine(what, "it is made with the first record"),
        Ok(None) => Finding::wrong(what, "it does not exist: create it, or set auto.create=true"),
        Ok(Some(_)) if options.insert_mode == InsertMode::Upsert && options.key_mode != KeyMode::Kafka => {
            match has_unique(client, &name, &options.key_fields).await {
                Ok(true) => Finding::fine(what, "it is there, and its key is unique"),
                Ok(false) => {
                    let keys = options.key_fields.join(", ");
                    Finding::wrong(what, format!("no unique index is on ({keys}), which upserts need"))
                }
                Err(error) => Finding::wrong(what, describe(&error)),
            }
        }
        Ok(Some(_)) => Finding::fine(what, "it is there"),
    }
}

/// Whether a unique index is on just these columns; on any where none are named.
async fn has_unique(
    client: &Client,
    name: &TableName,
    columns: &[String],
) -> Result<bool, tokio_postgres::Error> {
    const UNIQUE: &str = "SELECT (SELECT array_agg(attname::text ORDER BY attname) FROM pg_attribute \
         WHERE attrelid = indrelid AND attnum = ANY (indkey)) FROM pg_index \
         WHERE indrelid = to_regclass($1) AND indisunique AND indpred IS NULL AND indisvalid";
    let mut wanted = columns.to_vec();
    wanted.sort();
    let indexes = client.query(UNIQUE, &[&name.to_string()]).await?;
    Ok(indexes.iter().any(|index| wanted.is_empty() || index.get::<_, Vec<String>>(0) == wanted))
}
