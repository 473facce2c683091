use crate::data::simple_date::SimpleDate;
use crate::data::{Schema, SchemaAndValue, Value};
use std::sync::{Arc, LazyLock};

/// As `java.util.Date` is written for headers and by `Cast`.
static DATE: LazyLock<SimpleDate> = LazyLock::new(|| pattern("yyyy-MM-dd"));
static TIME: LazyLock<SimpleDate> = LazyLock::new(|| pattern("HH:mm:ss.SSS'Z'"));
static TIMESTAMP: LazyLock<SimpleDate> = LazyLock::new(|| pattern("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'"));

static DATE_SCHEMA: LazyLock<Option<Arc<Schema>>> = LazyLock::new(|| Schema::date().build().ok());
static TIME_SCHEMA: LazyLock<Option<Arc<Schema>>> = LazyLock::new(|| Schema::time().build().ok());
static TIMESTAMP_SCHEMA: LazyLock<Option<Arc<Schema>>> = LazyLock::new(|| Schema::timestamp().build().ok());

const DAY_MS: i64 = 86_400_000;

#[expect(clippy::expect_used, reason = "the patterns are the three above")]
fn pattern(pattern: &str) -> SimpleDate {
    SimpleDate::new(pattern).expect("a pattern of this file")
}

/// A date, time or moment, told by its length.
#[expect(clippy::cast_possible_truncation, reason = "ten characters say no year that far away")]
pub(super) fn parse(token: &str) -> Option<SchemaAndValue> {
    let token = token.replace("\\:", ":");
    let (schema, value) = match token.encode_utf16().count() {
        10 => (&DATE_SCHEMA, Value::Date(DATE.parse(&token)?.div_euclid(DAY_MS) as i32)),
        13 => (&TIME_SCHEMA, Value::Time(TIME.parse(&token)? as i32)),
        24 => (&TIMESTAMP_SCHEMA, Value::Timestamp(TIMESTAMP.parse(&token)?)),
        _ => return None,
    };
    Some(SchemaAndValue { schema: LazyLock::force(schema).clone(), value })
}

/// A `java.util.Date` as text: what lies within the first day, or before it, is a time; what is a midnight, a date.
pub(crate) fn text_of_ms(ms: i64) -> String {
    if ms < DAY_MS {
        TIME.format(ms)
    } else if ms % DAY_MS == 0 {
        DATE.format(ms)
    } else {
        TIMESTAMP.format(ms)
    }
}
