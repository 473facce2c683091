use std::time::Duration;

use super::refused::{RefusedOfBoth, RefusedOfSink, RefusedOfSource};
use crate::options::{Choice, Fault, Options, Secret};

/// How to reach a database.
#[derive(Options, Clone, Debug)]
pub struct Connection {
    /// Where the database is: `postgres://host:5432/database`, or `jdbc:postgresql://host:5432/database`. Behind a `?`, `sslmode` says
    /// what is asked of the way there: `disable`; `prefer`, the default, and `require` encrypt and trust whoever answers; `verify-ca`
    /// and `verify-full` trust those whom a certificate in the file `sslrootcert` vouches for (of the system's without), the latter
    /// under the very name of the host. What JDBC's driver knows as `socketTimeout`, `connectTimeout`, `currentSchema` and
    /// `ApplicationName` is known too.
    #[option(name = "connection.url", importance = "high", group = "Connection", check = super::address::check_url)]
    pub url: Secret,
    /// Who connects.
    #[option(name = "connection.user", importance = "high", group = "Connection")]
    pub user: Option<String>,
    /// The user's password.
    #[option(name = "connection.password", importance = "high", group = "Connection")]
    pub password: Option<Secret>,
    /// How long a connection may take to be made, and as long again the server's greeting. `connectTimeout`, in seconds, in the address
    /// counts more.
    #[option(name = "connection.timeout.ms", default = "10s", importance = "low", group = "Connection")]
    pub timeout: Duration,
    /// How long the server may be silent while something is asked of it; then the session is given up, and all that was under way in
    /// it is tried again in another. It must be longer than any single statement takes. 0: without end. `socketTimeout`, in seconds,
    /// in the address counts more.
    #[option(name = "socket.timeout.ms", default = "5m", importance = "low", group = "Connection")]
    pub silence: Duration,
    /// The only dialect there is; a name of another is refused.
    #[option(
        name = "dialect.name",
        default = "PostgreSqlDatabaseDialect",
        importance = "low",
        group = "Connection"
    )]
    pub dialect: Dialect,
    /// What other connectors take and ours do not.
    #[option(flatten)]
    pub refused: RefusedOfBoth,
}

/// The databases that are known.
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// PostgreSQL.
    #[choice("PostgreSqlDatabaseDialect", "postgresql", "")]
    Postgres,
}

/// What becomes of a record whose row is there already.
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
pub enum InsertMode {
    /// It is refused where the table has a key that says so.
    Insert,
    /// It takes the row's place.
    Upsert,
    /// It takes the row's place, and is dropped where there is none.
    Update,
}

/// What a row is known by.
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyMode {
    /// Nothing.
    None,
    /// Where the record was read: topic, partition and offset.
    Kafka,
    /// The key of the record, or fields of it.
    #[choice("record_key", "record-key")]
    RecordKey,
    /// Fields of the value.
    #[choice("record_value", "record-value")]
    RecordValue,
    /// Headers.
    #[choice("record_header", "record-header")]
    RecordHeader,
}

/// What the sink is told. The names are those of Confluent's JDBC sink.
#[derive(Options, Clone, Debug)]
#[options(check = Self::consistent)]
pub struct PostgresSinkOptions {
    /// How to reach the database.
    #[option(flatten)]
    pub connection: Connection,
    /// The table of a topic; `${topic}` stands for its name, and a schema may stand before it with a dot. A name that holds dots itself
    /// stands in double quotes, as `public."${topic}"`.
    #[option(name = "table.name.format", default = "${topic}", group = "Table")]
    pub table_format: String,
    /// What becomes of a record whose row is there already.
    #[option(name = "insert.mode", default = "insert", importance = "high", group = "Writes")]
    pub insert_mode: InsertMode,
    /// What a row is known by.
    #[option(name = "pk.mode", default = "none", importance = "high", group = "Writes")]
    pub key_mode: KeyMode,
    /// The columns of the key. Of a key that is no object: the one that takes it. Of `kafka`: three, for topic, partition and
    /// offset. Without: all fields of the key; `__connect_topic`, `__connect_partition` and `__connect_offset`.
    #[option(name = "pk.fields", default = "", group = "Writes")]
    pub key_fields: Vec<String>,
    /// The fields of the value that are written; all without.
    #[option(name = "fields.whitelist", default = "", alias = "fields.include", group = "Writes")]
    pub fields: Vec<String>,
    /// Whether a record without a value deletes its row. It needs `pk.mode=record_key`.
    #[option(name = "delete.enabled", default = false, group = "Writes")]
    pub deletes: bool,
    /// Whether a table that is not there is made, with the columns of the first record.
    #[option(name = "auto.create", default = false, group = "Table")]
    pub creates: bool,
    /// Whether a column that is not there is added.
    #[option(name = "auto.evolve", default = false, group = "Table")]
    pub evolves: bool,
    /// How many records a transaction has at most; so many are handed over at once where `sink.batch.records` says nothing.
    #[option(name = "batch.size", default = 100_000, range = 1..=1_000_000, group = "Writes")]
    pub batch: usize,
    /// The table in which the offsets of each topic are kept, in the transaction that writes their rows, so that each record is
    /// written once. Empty: none, and records may be written again after a crash.
    #[option(
        name = "offsets.table",
        default = "millstream_connect_offsets",
        importance = "low",
        group = "Writes"
    )]
    pub offsets_table: String,
    /// What another sink takes and this one does not.
    #[option(flatten)]
    pub refused: RefusedOfSink,
}

impl PostgresSinkOptions {
    fn consistent(&self) -> Result<(), Fault> {
        let key = self.key_mode;
        if self.insert_mode != InsertMode::Insert && key == KeyMode::None {
            let why = "a row that is replaced must be known by something: set pk.mode to record_key, record_value or kafka";
            return Err(Fault::invalid("pk.mode", "none", why));
        }
        if self.deletes && key != KeyMode::RecordKey {
            return Err(Fault::invalid("delete.enabled", "true", "it needs pk.mode=record_key"));
        }
        if matches!(key, KeyMode::RecordValue | KeyMode::RecordHeader) && self.key_fields.is_empty() {
            return Err(Fault::new(
                "pk.fields",
                "pk.mode needs pk.fields: name the fields that make the key",
            ));
        }
        if key == KeyMode::Kafka && !matches!(self.key_fields.len(), 0 | 3) {
            let why = "pk.mode=kafka takes three columns: for topic, partition and offset";
            return Err(Fault::invalid("pk.fields", &self.key_fields.join(","), why));
        }
        Ok(())
    }
}

/// How the source knows which rows are new.
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceMode {
    /// It reads all rows each time.
    Bulk,
    /// By a column that only grows.
    Incrementing,
    /// By a column that says when a row was changed.
    Timestamp,
    /// By both: a row comes again when it was changed.
    #[choice("timestamp+incrementing")]
    TimestampIncrementing,
}

/// Whose end the source waits for, before it reads beyond what they may still write.
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// Transactions that have written, or taken a number of a sequence, or begun to write.
    Writing,
    /// All that are open: a transaction may write the time of its begin without having done anything since. Dumps, vacuums and
    /// forgotten sessions hold the source up as long as they are open.
    All,
}

/// What the source is told. The names are those of Confluent's JDBC source.
#[derive(Options, Clone, Debug)]
#[options(check = Self::consistent)]
pub struct PostgresSourceOptions {
    /// How to reach the database.
    #[option(flatten)]
    pub connection: Connection,
    /// The tables that are read, each with or without its schema; a name that holds dots in double quotes.
    #[option(
        name = "table.whitelist",
        default = "",
        alias = "table.include.list",
        alias = "tables",
        importance = "high",
        group = "Mode"
    )]
    pub tables: Vec<String>,
    /// A query instead of tables. It has no WHERE: the source adds one.
    #[option(importance = "high", group = "Mode")]
    pub query: Option<String>,
    /// How new rows are known.
    #[option(importance = "high", group = "Mode", default = "incrementing")]
    pub mode: SourceMode,
    /// The column that only grows. One of the type `xid8` that is filled with `pg_current_xact_id()` is read in the order in which
    /// transactions end, and misses nothing, on a standby too; the rows of one transaction come at once then. A number must be taken
    /// in the transaction that writes it: sequences with a `CACHE`, and programs that take numbers in advance, hide rows.
    #[option(name = "incrementing.column.name", group = "Mode")]
    pub incrementing: Option<String>,
    /// The column that says when a row was changed. A default of `now()` is the begin of its transaction: see
    /// `transactions.awaited`.
    #[option(name = "timestamp.column.name", group = "Mode")]
    pub timestamp: Option<String>,
    /// Whose end is waited for before what they may still write is passed: of `writing` transactions, or of `all`, which a time
    /// that is taken long before its row is written needs.
    #[option(name = "transactions.awaited", group = "Mode", default = "writing")]
    pub awaited: Awaited,
    /// What stands before the name of a table in the name of its topic; the topic itself for a query.
    #[option(name = "topic.prefix", importance = "high", default = "", group = "Connector")]
    pub topic_prefix: String,
    /// How long to wait before asking again where nothing was new.
    #[option(name = "poll.interval.ms", default = "5s", group = "Connector")]
    pub interval: Duration,
    /// How many rows are read at once.
    #[option(name = "batch.max.rows", default = 1_000, range = 1..=100_000, group = "Connector")]
    pub batch: usize,
    /// What another source takes and this one does not.
    #[option(flatten)]
    pub refused: RefusedOfSource,
}

impl PostgresSourceOptions {
    /// The query, where there is one: an empty one is none, as in Confluent's source.
    pub(super) fn query(&self) -> Option<&str> {
        self.query.as_deref().filter(|query| !query.trim().is_empty())
    }

    fn consistent(&self) -> Result<(), Fault> {
        if self.tables.is_empty() == self.query().is_none() {
            return Err(Fault::new(
                "table.whitelist",
                "name tables in table.whitelist, or a query in query: one of them",
            ));
        }
        let wants = |mode: &[SourceMode]| mode.contains(&self.mode);
        if wants(&[SourceMode::Incrementing, SourceMode::TimestampIncrementing])
            && self.incrementing.is_none()
        {
            return Err(Fault::missing("incrementing.column.name"));
        }
        if wants(&[SourceMode::Timestamp, SourceMode::TimestampIncrementing]) && self.timestamp.is_none() {
            return Err(Fault::missing("timestamp.column.name"));
        }
        if self.query().is_some() && self.topic_prefix.is_empty() {
            return Err(Fault::new(
                "topic.prefix",
                "a query has no name of its own: topic.prefix names its topic",
            ));
        }
        Ok(())
    }
}
