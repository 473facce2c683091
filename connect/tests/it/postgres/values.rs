//! What is written as binary reads as what is written as text.

use anyhow::{Context, Result};
use millstream_connect::Written;
use millstream_connect::data::{Decimal, Map, Value};
use millstream_tests::postgres::Postgres;
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

use super::{rows, session};
use crate::postgres::sink::{record, sink};

/// Types that have a binary form, and such modifiers as change what is kept.
const TYPES: [&str; 18] = [
    "boolean",
    "smallint",
    "integer",
    "bigint",
    "real",
    "double precision",
    "numeric",
    "numeric(12, 3)",
    "text",
    "varchar(40)",
    "char(12)",
    "bytea",
    "date",
    "time",
    "timestamp(1)",
    "timestamptz",
    "json",
    "jsonb",
];
const ROWS: i64 = 400;

/// A table whose rows are binary, and one that has a column which only text fits.
#[tokio::test]
async fn binary_rows_are_what_text_rows_are() -> Result<()> {
    let Some(server) = Postgres::start(&[])? else { return Ok(()) };
    let client = session(&server).await?;
    let seed = rand::random();
    eprintln!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let columns: Vec<String> = TYPES.iter().enumerate().map(|(at, kind)| format!("c{at} {kind}")).collect();
    let columns = columns.join(", ");
    client
        .batch_execute(&format!(
            "SET timezone = 'UTC'; CREATE TABLE quick (id int, {columns}); CREATE TABLE slow (id int, {columns}, host inet)"
        ))
        .await?;
    let made: Vec<Vec<Value>> =
        (0..ROWS).map(|_| TYPES.iter().map(|kind| value(kind, &mut random)).collect()).collect();
    for (table, more) in [("quick", None), ("slow", Some(("host", Value::string("10.0.0.1"))))] {
        let mut sink = sink(&server, &[("table.name.format", table), ("offsets.table", "")]).await?;
        let names: Vec<String> = (0..TYPES.len()).map(|at| format!("c{at}")).collect();
        let row = |(id, values): (usize, &Vec<Value>)| {
            let mut fields = vec![("id", Value::Int64(id as i64))];
            fields.extend(names.iter().map(String::as_str).zip(values.iter().cloned()));
            fields.extend(more.clone());
            record(id as i64, &fields)
        };
        let records: Vec<_> = made.iter().enumerate().map(row).collect();
        assert_eq!(sink.write(&records).await.context(table)?, Written::All);
    }
    for (at, kind) in TYPES.iter().enumerate() {
        let differ = format!(
            "SELECT id, quick.c{at}::text, slow.c{at}::text FROM quick JOIN slow USING (id) \
             WHERE quick.c{at}::text IS DISTINCT FROM slow.c{at}::text ORDER BY id LIMIT 3"
        );
        let differ = rows(&client, &differ).await?;
        assert!(differ.is_empty(), "{kind}: {differ:?}, of {:?}", {
            let id: usize = differ[0].split('|').next().context("no id")?.parse()?;
            &made[id][at]
        });
        let there = rows(&client, &format!("SELECT count(c{at}) > {ROWS} / 2 FROM quick")).await?;
        assert_eq!(there, ["t"], "{kind}");
    }
    Ok(())
}

/// Something that a column of a type takes.
fn value(kind: &str, random: &mut StdRng) -> Value {
    if random.random_ratio(1, 10) {
        return Value::Null;
    }
    let small = i64::from(random.random::<i16>());
    match kind {
        "boolean" => pick(random, [Value::Boolean(true), Value::string("FALSE"), Value::Int32(1)]),
        "smallint" => {
            pick(random, [Value::Int64(small), Value::string(format!(" {small} ")), Value::Boolean(true)])
        }
        "integer" | "bigint" => {
            let (large, decimal) = (random.random(), Decimal::new(small * 100, 2));
            pick(random, [Value::Int32(large), Value::Float64(small as f64), Value::Decimal(decimal)])
        }
        "real" => {
            let any = f32::from_bits(random.random());
            pick(random, [Value::Float32(any), Value::Float64(small as f64 / 7.0), Value::string("-0.1")])
        }
        "double precision" => {
            let any = f64::from_bits(random.random());
            pick(
                random,
                [
                    Value::Float64(any),
                    Value::Float32(any as f32),
                    Value::Float64(f64::NEG_INFINITY),
                    Value::Float64(-0.0),
                ],
            )
        }
        "numeric" => {
            let long = Decimal::new(random.random::<i128>(), random.random_range(-30..60));
            let float = Value::Float64(small as f64 * 1.7e-12);
            pick(random, [Value::Decimal(long), float, Value::string("1.50e-7"), Value::Int64(small)])
        }
        "numeric(12, 3)" => {
            let scaled = Decimal::new(random.random::<i32>(), random.random_range(1..8));
            pick(random, [Value::Decimal(scaled), Value::Int64(small), Value::string("0.0005")])
        }
        "bytea" => {
            let mut bytes = vec![0; random.random_range(0..40)];
            random.fill_bytes(&mut bytes);
            pick(random, [Value::bytes(bytes), Value::string("a\\x00\n"), Value::Int64(small)])
        }
        "date" => {
            let day = random.random_range(-800_000..3_000_000);
            pick(random, [Value::Date(day.clamp(-719_162, 2_932_896)), Value::Timestamp(small * 86_399_999)])
        }
        "time" => Value::Time(random.random_range(0..86_400_000)),
        "timestamp(1)" | "timestamptz" => {
            let ms = random.random_range(-62_135_596_800_000..=253_402_300_799_000);
            pick(random, [Value::Timestamp(ms), Value::Int64(small), Value::Date(small as i32)])
        }
        "json" | "jsonb" => {
            let object = Map::new().with(Value::string("a\"\\"), Value::Float64(small as f64));
            pick(
                random,
                [
                    Value::Map(object),
                    Value::string("[1,\t2]"),
                    Value::string("tab\t"),
                    Value::Array(vec![Value::Null]),
                ],
            )
        }
        _ => pick(
            random,
            [
                Value::string("ü\t\\N\r\n"),
                Value::Int64(small),
                Value::string(""),
                Value::Boolean(false),
                Value::Time(1),
            ],
        ),
    }
}

fn pick<const N: usize>(random: &mut StdRng, of: [Value; N]) -> Value {
    of[random.random_range(0..N)].clone()
}
