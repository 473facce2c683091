use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Result;
use millstream_client::TopicPartition;
use millstream_connect::data::{Map, Schema, SchemaAndValue, Struct, Value};
use millstream_connect::{Origin, Outcome, Record, SinkTask, TaskError, TimestampType, Written};
use millstream_tests::postgres::Postgres;

use super::{rows, session};
use crate::open;

/// A record of partition 0 of `orders`, of an object without a schema.
fn record(offset: i64, fields: &[(&str, Value)]) -> Record {
    let object =
        fields.iter().fold(Map::new(), |map, (name, value)| map.with(Value::string(*name), value.clone()));
    placed(offset, Record::new("orders".into(), SchemaAndValue::schemaless(object)))
}

fn placed(offset: i64, record: Record) -> Record {
    let (topic, timestamp_type): (Arc<str>, _) = ("orders".into(), TimestampType::CreateTime);
    Record { origin: Some(Origin { topic, partition: 0, offset, timestamp_type }), ..record }
}

fn order(offset: i64, id: i64, item: &str) -> Record {
    record(offset, &[("id", Value::Int64(id)), ("item", Value::string(item))])
}

async fn sink(server: &Postgres, options: &[(&str, &str)]) -> Result<Box<dyn SinkTask>> {
    let url = server.url();
    let mut all = vec![("connection.url", url.as_str())];
    all.extend_from_slice(options);
    open::sink("postgres", &all).await
}

const UPSERT: [(&str, &str); 4] =
    [("insert.mode", "upsert"), ("pk.mode", "record_value"), ("pk.fields", "id"), ("auto.create", "true")];

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
    assert_eq!(second.assigned(std::slice::from_ref(&partition)).await?, BTreeMap::from([(partition, 8)]));
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
