use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Result;
use millstream_client::TopicPartition;
use millstream_connect::data::{Map, Schema, SchemaAndValue, Struct, Value};
use millstream_connect::{
    Assigned, Forget, Origin, Outcome, Plugin, Record, Registry, SinkTask, TaskError, TimestampType, Written,
};
use millstream_tests::postgres::Postgres;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use uuid::Uuid;

use super::{rows, session};
use crate::open;

/// A record of partition 0 of `orders`, of an object without a schema.
pub(super) fn record(offset: i64, fields: &[(&str, Value)]) -> Record {
    let object =
        fields.iter().fold(Map::new(), |map, (name, value)| map.with(Value::string(*name), value.clone()));
    placed(offset, Record::new("orders".into(), SchemaAndValue::schemaless(object)))
}

fn placed(offset: i64, record: Record) -> Record {
    let (topic, timestamp_type): (Arc<str>, _) = ("orders".into(), TimestampType::CreateTime);
    Record { origin: Some(Origin { topic, partition: 0, offset, timestamp_type }), ..record }
}

pub(super) fn order(offset: i64, id: i64, item: &str) -> Record {
    record(offset, &[("id", Value::Int64(id)), ("item", Value::string(item))])
}

pub(super) async fn sink(server: &Postgres, options: &[(&str, &str)]) -> Result<Box<dyn SinkTask>> {
    let url = server.url();
    let mut all = vec![("connection.url", url.as_str())];
    all.extend_from_slice(options);
    open::sink("postgres", &all).await
}

pub(super) const UPSERT: [(&str, &str); 4] =
    [("insert.mode", "upsert"), ("pk.mode", "record_value"), ("pk.fields", "id"), ("auto.create", "true")];

#[tokio::test]
async fn a_column_of_arrays_takes_arrays() -> Result<()> {
    let Some(server) = Postgres::start(&[])? else { return Ok(()) };
    let client = session(&server).await?;
    let table =
        "CREATE TABLE orders (id int, n int[], t text[], m float8[][], d date[], b bytea[], own int[])";
    client.batch_execute(table).await?;
    let mut sink = sink(&server, &[]).await?;
    let texts = ["a", "b\"c,{}\\\n", "NULL", ""].map(Value::string);
    let inner = |one, two| Value::Array(vec![Value::Float64(one), Value::Float64(two)]);
    let whole = record(
        0,
        &[
            ("id", Value::Int64(1)),
            ("n", Value::Array(vec![Value::Int64(1), Value::Null, Value::string("3")])),
            ("t", Value::Array([&texts[..], &[Value::Null]].concat())),
            ("m", Value::Array(vec![inner(1.5, -2e300), inner(0.0, f64::NAN)])),
            ("d", Value::Array(vec![Value::Date(1)])),
            ("b", Value::Array(vec![Value::bytes(vec![0, 255])])),
            ("own", Value::string("{7,8}")),
        ],
    );
    let empty = record(1, &[("id", Value::Int64(2)), ("n", Value::Array(Vec::new())), ("t", Value::Null)]);
    assert_eq!(sink.write(&[whole, empty]).await?, Written::All);
    let wrong = record(2, &[("id", Value::Int64(3)), ("n", Value::Int64(1))]);
    let Written::Each(fates) = sink.write(&[wrong]).await? else { panic!("it was taken") };
    assert!(matches!(&fates[0], Outcome::Reject { why } if why.contains("it takes arrays")), "{fates:?}");
    let expected = [
        r#"1|{1,NULL,3}|{a,"b\"c,{}\\
","NULL","",NULL}|{{1.5,-2e+300},{0,NaN}}|{1970-01-02}|{"\\x00ff"}|{7,8}"#,
        "2|{}|null|null|null|null|null",
    ];
    assert_eq!(rows(&client, "SELECT * FROM orders ORDER BY id").await?, expected);
    Ok(())
}

#[tokio::test]
async fn tables_are_made_from_the_data_and_grow_with_it() -> Result<()> {
    let Some(server) = Postgres::start(&[])? else { return Ok(()) };
    let mut sink = sink(&server, &[("auto.create", "true"), ("auto.evolve", "true")]).await?;
    let nested = Map::new().with(Value::string("a"), Value::Int64(1));
    let first =
        record(0, &[("id", Value::Int64(1)), ("price", Value::Float64(1.5)), ("more", Value::Map(nested))]);
    let tricky = record(1, &[("id", Value::Int64(2)), ("note", Value::string("tab\t \\N line\n ü"))]);
    assert_eq!(sink.write(&[first, tricky]).await?, Written::All);

    let schema =
        Schema::structure().field("id", Schema::int64()).field("at", Schema::timestamp().build()?).build()?;
    let value = Struct::of(schema.clone(), vec![Value::Int64(3), Value::Timestamp(1_431_857_103_007)])?;
    let typed = placed(2, Record::new("orders".into(), SchemaAndValue::new(schema, value)));
    assert_eq!(sink.write(&[typed]).await?, Written::All);

    let client = session(&server).await?;
    let types = "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute \
                 WHERE attrelid = 'orders'::regclass AND attnum > 0 ORDER BY attnum";
    let expected =
        ["id|bigint", "price|double precision", "more|jsonb", "note|text", "at|timestamp with time zone"];
    assert_eq!(rows(&client, types).await?, expected);
    let expected = [
        "1|1.5|{\"a\": 1}|null|null",
        "2|null|null|tab\t \\N line\n ü|null",
        "3|null|null|null|2015-05-17 10:05:03.007+00",
    ];
    assert_eq!(rows(&client, "SET timezone = 'UTC'; SELECT * FROM orders ORDER BY id").await?, expected);
    Ok(())
}

#[tokio::test]
async fn the_last_row_of_a_key_counts_and_a_tombstone_deletes_it() -> Result<()> {
    let Some(server) = Postgres::start(&[])? else { return Ok(()) };
    let client = session(&server).await?;
    client
        .batch_execute("CREATE TABLE orders (id int PRIMARY KEY, item varchar(20), count int DEFAULT 7)")
        .await?;
    let options = [
        ("insert.mode", "upsert"),
        ("pk.mode", "record_key"),
        ("pk.fields", "id"),
        ("delete.enabled", "true"),
    ];
    let mut sink = sink(&server, &options).await?;
    let keyed = |offset, id: i64, item: &str| {
        record(offset, &[("item", Value::string(item))]).key(SchemaAndValue::schemaless(id))
    };
    let gone = |offset, id: i64| {
        let key = SchemaAndValue::schemaless(id);
        placed(offset, Record::new("orders".into(), SchemaAndValue::NULL).key(key))
    };
    let batch = [
        keyed(0, 1, "tea"),
        keyed(1, 2, "rum"),
        keyed(2, 1, "more tea"),
        gone(3, 2),
        keyed(4, 3, "rye"),
        gone(5, 3),
        keyed(6, 3, "ale"),
    ];
    assert_eq!(sink.write(&batch).await?, Written::All);
    assert_eq!(rows(&client, "SELECT * FROM orders ORDER BY id").await?, ["1|more tea|7", "3|ale|7"]);
    Ok(())
}

#[tokio::test]
async fn a_record_that_comes_again_is_not_written_again_whoever_writes_it() -> Result<()> {
    let Some(mut server) = Postgres::start(&[])? else { return Ok(()) };
    let mut first = sink(&server, &[("auto.create", "true")]).await?;
    let orders: Vec<Record> = (0..10).map(|n| order(n, n, "tea")).collect();
    assert_eq!(first.write(&orders[..6]).await?, Written::All);
    assert_eq!(first.write(&orders[2..8]).await?, Written::All);

    // Another task, which believes that the partition is its own, and the first, which does not know.
    let partition = TopicPartition::new("orders", 0);
    let mut second = sink(&server, &[]).await?;
    assert_eq!(
        second.assigned(&[Assigned { partition: partition.clone(), topic_id: Uuid::nil() }]).await?,
        BTreeMap::from([(partition, 8)])
    );
    assert_eq!(second.write(&orders[8..9]).await?, Written::All);
    assert_eq!(first.write(&orders[8..]).await?, Written::All);

    server.kill()?;
    assert!(matches!(second.write(&orders).await, Err(TaskError::Retry { .. })));
    server.restart()?;
    assert_eq!(second.write(&orders).await?, Written::All);
    let ids = rows(&session(&server).await?, "SELECT count(*), count(DISTINCT id) FROM orders").await?;
    assert_eq!(ids, ["10|10"]);
    Ok(())
}

#[tokio::test]
async fn rows_without_their_offset_are_not_there() -> Result<()> {
    let Some(server) = Postgres::start(&[])? else { return Ok(()) };
    let client = session(&server).await?;
    let mut sink = sink(&server, &[("auto.create", "true")]).await?;
    let orders: Vec<Record> = (0..10).map(|n| order(n, n, "tea")).collect();
    assert_eq!(sink.write(&orders[..6]).await?, Written::All);

    let refuse = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not now''; END'; \
                  CREATE TRIGGER refuse BEFORE UPDATE ON millstream_connect_offsets EXECUTE FUNCTION refuse()";
    client.batch_execute(refuse).await?;
    assert!(sink.write(&orders[6..]).await.is_err());
    client.batch_execute("DROP FUNCTION refuse() CASCADE").await?;
    assert_eq!(rows(&client, "SELECT count(*) FROM orders").await?, ["6"]);
    assert_eq!(sink.write(&orders[6..]).await?, Written::All);
    assert_eq!(rows(&client, "SELECT count(*) FROM orders").await?, ["10"]);
    Ok(())
}

#[tokio::test]
async fn a_record_that_is_no_row_is_refused_alone_and_what_follows_it_waits() -> Result<()> {
    let Some(server) = Postgres::start(&[])? else { return Ok(()) };
    let mut sink = sink(&server, &UPSERT).await?;
    let poison = record(1, &[("id", Value::string("no number")), ("item", Value::string("?"))]);
    let batch = [order(0, 0, "tea"), poison, order(2, 2, "rum")];
    // The first makes the table.
    assert_eq!(sink.write(&batch[..1]).await?, Written::All);
    let Written::Each(outcomes) = sink.write(&batch).await? else { panic!("the second is no row") };
    assert_eq!((&outcomes[0], &outcomes[2]), (&Outcome::Ok, &Outcome::Untried));
    let Outcome::Reject { why } = &outcomes[1] else { panic!("{outcomes:?}") };
    assert_eq!(why, "column id of table \"orders\": it takes whole numbers of 64 bits and got a STRING");
    // Were the offset of the third kept already, a crash now would lose the second.
    let client = session(&server).await?;
    assert_eq!(rows(&client, "SELECT next_offset FROM millstream_connect_offsets").await?, ["1"]);
    assert_eq!(sink.write(&batch[2..]).await?, Written::All);

    // What only the server knows to be wrong, it says of the whole batch.
    client.batch_execute("ALTER TABLE orders ADD CHECK (item <> 'poison')").await?;
    let refused = sink.write(&[order(3, 3, "ale"), order(4, 4, "poison")]).await;
    let Err(TaskError::Rejected { why }) = refused else { panic!("{refused:?}") };
    assert!(why.contains("violates check constraint") && why.contains("(4, poison)"), "{why}");
    assert_eq!(rows(&client, "SELECT id FROM orders ORDER BY id").await?, ["0", "2"]);
    Ok(())
}

#[tokio::test]
async fn what_is_missing_is_said_with_what_to_do() -> Result<()> {
    let Some(server) = Postgres::start(&[])? else { return Ok(()) };
    let mut none = sink(&server, &[]).await?;
    let error = none.write(&[order(0, 0, "tea")]).await.unwrap_err();
    assert!(matches!(&error, TaskError::Fatal { why } if why.contains("auto.create=true")), "{error}");

    session(&server).await?.batch_execute("CREATE TABLE orders (id bigint)").await?;
    let Written::Each(outcomes) = none.write(&[order(0, 0, "tea")]).await? else {
        panic!("there is no column item")
    };
    assert!(
        matches!(&outcomes[0], Outcome::Reject { why } if why.contains("auto.evolve=true")),
        "{outcomes:?}"
    );

    let mut upsert = sink(
        &server,
        &[
            ("insert.mode", "upsert"),
            ("pk.mode", "record_value"),
            ("pk.fields", "id"),
            ("fields.whitelist", "id"),
        ],
    )
    .await?;
    let error = upsert.write(&[order(0, 0, "tea")]).await.unwrap_err();
    assert!(matches!(&error, TaskError::Fatal { why } if why.contains("ON CONFLICT")), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_topic_that_was_made_anew_has_offsets_of_its_own_and_what_is_forgotten_is_unknown() -> Result<()> {
    let Some(server) = Postgres::start(&[])? else { return Ok(()) };
    let partition = TopicPartition::new("orders", 0);
    let of_topic = |id| [Assigned { partition: partition.clone(), topic_id: Uuid::from_u128(id) }];
    let mut task = sink(&server, &[("auto.create", "true")]).await?;
    let orders: Vec<Record> = (0..3).map(|n| order(n, n, "tea")).collect();
    assert!(task.assigned(&of_topic(1)).await?.is_empty());
    task.write(&orders).await?;
    assert!(task.assigned(&of_topic(2)).await?.is_empty(), "what is kept is of another topic");
    task.write(&orders[..2]).await?;
    assert_eq!(task.assigned(&of_topic(2)).await?[&partition], 2);
    assert_eq!(task.assigned(&of_topic(1)).await?[&partition], 3);
    let client = session(&server).await?;
    assert_eq!(rows(&client, "SELECT count(*) FROM orders").await?, ["5"]);

    let url = server.url();
    let forget = async |connector: &str, of: Forget| {
        let registry = Registry::built_in();
        let Ok(Plugin::Sink(sink)) = registry.find("postgres") else { panic!("it is a sink") };
        sink.forget_offsets(&open::config(&[("connection.url", &url)]), connector, &of).await
    };
    let others = Forget::Of(vec![TopicPartition::new("orders", 1)]);
    forget("postgres", others).await?;
    forget("another", Forget::All).await?;
    assert_eq!(rows(&client, "SELECT count(*) FROM millstream_connect_offsets").await?, ["2"]);
    forget("postgres", Forget::Of(vec![partition.clone()])).await?;
    assert!(task.assigned(&of_topic(1)).await?.is_empty());
    task.write(&orders).await?;
    assert_eq!(rows(&client, "SELECT count(*) FROM orders").await?, ["8"]);
    forget("postgres", Forget::All).await?;
    assert_eq!(rows(&client, "SELECT count(*) FROM millstream_connect_offsets").await?, ["0"]);
    Ok(())
}

#[tokio::test]
async fn a_table_that_is_changed_by_hand_is_looked_at_before_a_record_is_refused() -> Result<()> {
    let Some(server) = Postgres::start(&[])? else { return Ok(()) };
    let client = session(&server).await?;
    client.batch_execute("CREATE TABLE orders (id bigint PRIMARY KEY, count int)").await?;
    let options = [("insert.mode", "upsert"), ("pk.mode", "record_value"), ("pk.fields", "id")];
    let mut sink = sink(&server, &options).await?;
    let counted = |id, count| record(id, &[("id", Value::Int64(id)), ("count", Value::Int64(count))]);
    let noted = |id| record(id, &[("id", Value::Int64(id)), ("note", Value::string("n"))]);
    assert_eq!(sink.write(&[counted(0, 1)]).await?, Written::All);

    client.batch_execute("ALTER TABLE orders ALTER count TYPE bigint").await?;
    let large = [counted(1, 2), counted(2, 1 << 40)];
    assert_eq!(sink.write(&large).await?, Written::All, "it was an int when it was looked up first");
    client.batch_execute("ALTER TABLE orders ADD note text").await?;
    assert_eq!(sink.write(&[noted(3)]).await?, Written::All, "it is there now");
    // The server notices these first.
    client.batch_execute("ALTER TABLE orders ALTER count TYPE boolean USING true").await?;
    assert_eq!(again(&mut *sink, counted(4, 1)).await?, Written::All);
    client.batch_execute("ALTER TABLE orders DROP note").await?;
    let Written::Each(outcomes) = again(&mut *sink, noted(5)).await? else { panic!("it is gone") };
    assert!(matches!(&outcomes[0], Outcome::Reject { why } if why.contains("no column")), "{outcomes:?}");
    let expected = ["0|t", "1|t", "2|t", "3|t", "4|t"];
    assert_eq!(rows(&client, "SELECT * FROM orders ORDER BY id").await?, expected);
    Ok(())
}

/// Writes a record, once more where the sink asks for it.
pub(super) async fn again(sink: &mut dyn SinkTask, record: Record) -> Result<Written, TaskError> {
    match sink.write(std::slice::from_ref(&record)).await {
        Err(TaskError::Retry { .. }) => sink.write(&[record]).await,
        written => written,
    }
}

#[tokio::test]
async fn staging_tables_do_not_add_up() -> Result<()> {
    let Some(server) = Postgres::start(&[])? else { return Ok(()) };
    let mut sink = sink(&server, &[&UPSERT[..], &[("auto.evolve", "true")]].concat()).await?;
    for number in 0..60 {
        let names = [format!("f{}", number % 30), format!("g{}", number % 30)];
        let fields = [
            ("id", Value::Int64(number)),
            (names[0].as_str(), Value::Int64(1)),
            (names[1].as_str(), Value::Int64(2)),
        ];
        // Now and then two sets of columns in one transaction.
        let both = [record(number * 2, &fields), record(number * 2 + 1, &fields[..2])];
        assert_eq!(sink.write(&both[..if number % 10 == 7 { 2 } else { 1 }]).await?, Written::All);
    }
    let client = session(&server).await?;
    let staged =
        rows(&client, "SELECT count(*) FROM pg_class WHERE relname LIKE 'millstream_staging%'").await?;
    let staged: usize = staged[0].parse()?;
    assert!((2..=16).contains(&staged), "{staged}");
    assert_eq!(rows(&client, "SELECT count(*) FROM orders").await?, ["60"]);
    Ok(())
}

#[tokio::test]
async fn a_column_gets_its_type_from_whichever_record_knows_it() -> Result<()> {
    let Some(server) = Postgres::start(&[])? else { return Ok(()) };
    let mut sink = sink(&server, &[("auto.create", "true")]).await?;
    let null = |offset| record(offset, &[("a", Value::Null)]);
    let Written::Each(outcomes) = sink.write(&[null(0)]).await? else { panic!("of what type is it to be?") };
    assert!(
        matches!(&outcomes[0], Outcome::Reject { why } if why.contains("all fields are null")),
        "{outcomes:?}"
    );
    let mixed = [null(1), record(2, &[("a", Value::Boolean(true)), ("b", Value::Null)]), null(3)];
    assert_eq!(sink.write(&mixed).await?, Written::All);
    let client = session(&server).await?;
    assert_eq!(
        rows(&client, "SELECT pg_typeof(a), a FROM orders").await?,
        ["boolean|null", "boolean|t", "boolean|null"]
    );
    Ok(())
}

#[tokio::test]
async fn a_role_that_may_make_no_table_uses_the_table_of_offsets_that_is_there() -> Result<()> {
    let Some(server) = Postgres::start(&[])? else { return Ok(()) };
    let client = session(&server).await?;
    // The default of a column tells what the session is set to.
    client
        .batch_execute(
            "CREATE TABLE orders (id bigint, item text, said text DEFAULT current_setting('lock_timeout') || ' ' || \
             current_setting('idle_in_transaction_session_timeout') || ' ' || current_setting('tcp_keepalives_idle')); \
             CREATE ROLE clerk LOGIN; GRANT ALL ON orders TO clerk",
        )
        .await?;
    let mut clerk = sink(&server, &[("connection.user", "clerk")]).await?;
    let error = clerk.write(&[order(0, 0, "tea")]).await.unwrap_err();
    assert!(matches!(&error, TaskError::Fatal { why } if why.contains("offsets.table=")), "{error}");

    sink(&server, &[]).await?.write(&[order(0, 0, "tea")]).await?;
    let error = clerk.write(&[order(1, 1, "rum")]).await.unwrap_err();
    let grant = "GRANT SELECT, INSERT, UPDATE ON \"millstream_connect_offsets\"";
    assert!(matches!(&error, TaskError::Fatal { why } if why.contains(grant)), "{error}");
    client.batch_execute(&format!("{grant} TO clerk")).await?;
    assert_eq!(clerk.write(&[order(1, 1, "rum")]).await?, Written::All);
    assert_eq!(rows(&client, "SELECT said FROM orders WHERE id = 1").await?, ["90s 1min 30"]);

    client.batch_execute("CREATE INDEX ON orders (item)").await?;
    let mut random = StdRng::seed_from_u64(1);
    let noise: String = (0..20_000).map(|_| char::from(random.random_range(b'0'..b'z'))).collect();
    let refused = clerk.write(&[order(2, 2, &noise)]).await;
    assert!(matches!(&refused, Err(TaskError::Rejected { why }) if why.contains("54000")), "{refused:?}");
    Ok(())
}

/// So many rows that the first are with the server, or merged already, before the last are made.
#[tokio::test]
async fn the_last_row_of_a_key_counts_among_rows_that_were_sent_long_before() -> Result<()> {
    let Some(server) = Postgres::start(&[])? else { return Ok(()) };
    let seed = rand::random();
    eprintln!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let (client, text) = (session(&server).await?, "tea ".repeat(20));
    for mode in ["upsert", "update"] {
        let upsert: Vec<_> = UPSERT.into_iter().filter(|(name, _)| *name != "insert.mode").collect();
        let options =
            |mode| [&upsert[..], &[("table.name.format", "orders"), ("insert.mode", mode)]].concat();
        let there: Vec<Record> = (0..8_000).map(|id| order(id, id, "")).collect();
        assert_eq!(sink(&server, &options("upsert")).await?.write(&there).await?, Written::All);
        let mut last: BTreeMap<i64, i64> = (0..8_000).map(|id| (id, 0)).collect();
        let orders: Vec<Record> = (8_000..28_000)
            .map(|offset| {
                let id = random.random_range(0..8_000);
                last.insert(id, offset);
                order(offset, id, &format!("{text}{offset}"))
            })
            .collect();
        let mut sink = sink(&server, &options(mode)).await?;
        for part in orders.chunks(10_000) {
            assert_eq!(sink.write(part).await?, Written::All);
        }
        let item = |offset: &i64| if *offset == 0 { String::new() } else { format!("{text}{offset}") };
        let expected: Vec<String> =
            last.iter().map(|(id, offset)| format!("{id}|{}", item(offset))).collect();
        let found = rows(&client, "SELECT id, item FROM orders ORDER BY id").await?;
        assert!(found == expected, "seed {seed}, {mode}");
        client.batch_execute("DROP TABLE orders, millstream_connect_offsets").await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_last_row_of_a_key_counts_however_it_is_written() -> Result<()> {
    let Some(server) = Postgres::start(&[])? else { return Ok(()) };
    let client = session(&server).await?;
    for (kind, spellings) in [
        ("numeric", ["1", "1.0", "1.00"]),
        ("double precision", ["0", "-0", "0.0"]),
        ("char(5)", ["a", "a ", "a  "]),
        (
            "uuid",
            [
                "00000000-0000-0000-0000-00000000000A",
                "0000000000000000000000000000000a",
                "{00000000-0000-0000-0000-00000000000a}",
            ],
        ),
        ("date", ["1970-01-02", "19700102", "Jan 2 1970"]),
    ] {
        for mode in ["upsert", "update"] {
            let anew = "DROP TABLE IF EXISTS orders, millstream_connect_offsets";
            client
                .batch_execute(&format!("{anew}; CREATE TABLE orders (id {kind} PRIMARY KEY, item text)"))
                .await?;
            let fill = format!("INSERT INTO orders VALUES ('{}', 'old')", spellings[0]);
            client.batch_execute(&fill).await?;
            let options = [("insert.mode", mode), ("pk.mode", "record_value"), ("pk.fields", "id")];
            let mut sink = sink(&server, &options).await?;
            let spelt = |(offset, text): (i64, &str)| {
                record(offset, &[("id", Value::string(text)), ("item", Value::string(format!("n{offset}")))])
            };
            let batch: Vec<Record> = (0..).zip(spellings).map(spelt).collect();
            assert_eq!(sink.write(&batch).await?, Written::All, "{kind} {mode}");
            assert_eq!(rows(&client, "SELECT item FROM orders").await?, ["n2"], "{kind} {mode}");
        }
    }
    Ok(())
}

/// Eight bytes are a number as well as a float: what they mean is what the column says when they are written.
#[tokio::test]
async fn a_column_that_becomes_another_of_the_same_width_gets_what_was_meant() -> Result<()> {
    let Some(server) = Postgres::start(&[])? else { return Ok(()) };
    let client = session(&server).await?;
    client.batch_execute("CREATE TABLE orders (id bigint PRIMARY KEY, count bigint)").await?;
    for (start, options) in [(0, &[][..]), (10, &UPSERT[..])] {
        let mut sink = sink(&server, options).await?;
        let counted = |id| record(id, &[("id", Value::Int64(id)), ("count", Value::Int64(7))]);
        client.batch_execute("ALTER TABLE orders ALTER count TYPE bigint").await?;
        assert_eq!(sink.write(&[counted(start)]).await?, Written::All);
        client.batch_execute("ALTER TABLE orders ALTER count TYPE double precision").await?;
        assert_eq!(sink.write(&[counted(start + 1)]).await?, Written::All);
    }
    assert_eq!(rows(&client, "SELECT DISTINCT count FROM orders").await?, ["7"]);
    assert_eq!(rows(&client, "SELECT count(*) FROM orders").await?, ["4"]);
    Ok(())
}

/// Values that only the server reads, between others.
#[tokio::test]
async fn text_that_only_the_server_reads_lies_between_other_rows() -> Result<()> {
    let Some(server) = Postgres::start(&[])? else { return Ok(()) };
    let client = session(&server).await?;
    client.batch_execute("CREATE TABLE orders (id bigint PRIMARY KEY, day date)").await?;
    for options in [&UPSERT[..], &[("offsets.table", "")]] {
        client.batch_execute("TRUNCATE orders; DROP TABLE IF EXISTS millstream_connect_offsets").await?;
        let mut sink = sink(&server, options).await?;
        let days = [Value::Date(0), Value::string("1970-01-02"), Value::Date(2), Value::Null];
        let dated = |(id, day): (i64, Value)| record(id, &[("id", Value::Int64(id)), ("day", day)]);
        let batch: Vec<Record> = (0..).zip(days).map(dated).collect();
        assert_eq!(sink.write(&batch).await?, Written::All);
        let expected = ["0|1970-01-01", "1|1970-01-02", "2|1970-01-03", "3|null"];
        assert_eq!(rows(&client, "SELECT * FROM orders ORDER BY id").await?, expected);
    }
    Ok(())
}
