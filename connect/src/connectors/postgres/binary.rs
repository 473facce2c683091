//! Values as binary `COPY … FROM STDIN` takes them: how many bytes, and these. The server reads them quicker than text, and most are
//! quicker written.
//!
//! <https://www.postgresql.org/docs/15/sql-copy.html>, and `src/backend/utils/adt` for what each type's `recv` takes.

use bytes::BufMut;

use super::column::{
    ColumnKind, NO_ZERO_BYTES, boolean, days, epoch_ms, float, integer, json, ms_of_day, plain,
};
use super::numeric;
use crate::data::Value;

/// What all rows come behind: a signature, no flags, no extension.
pub(super) const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What comes behind all rows.
pub(super) const TRAILER: &[u8] = &(-1_i16).to_be_bytes();
/// The length of a null.
const NULL: i32 = -1;

/// The days of the years that text and binary agree upon, since 1970: from 0001-01-01 to 9999-12-31.
const DAYS: std::ops::RangeInclusive<i64> = -719_162..=2_932_896;
/// 2000-01-01, from which the server counts.
const EPOCH_DAYS: i64 = 10_957;
const DAY_MS: i64 = 86_400_000;
/// What binary JSON begins with.
const JSONB_VERSION: u8 = 1;

/// Why a value has no binary form in a column.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// Its text may be what the column takes: the server reads it.
    Text,
    /// The column does not take it, for this reason.
    Refused(String),
}

impl ColumnKind {
    /// Appends a value as binary `COPY` takes it. What was appended in vain stays.
    ///
    /// # Errors
    /// Why it has no such form.
    pub(super) fn write_binary(self, value: &Value, out: &mut Vec<u8>) -> Result<(), Unfit> {
        if value.is_null() {
            out.put_i32(NULL);
            return Ok(());
        }
        let start = out.len();
        out.put_i32(0);
        self.put(value, out)?;
        let length = i32::try_from(out.len() - start - size_of::<i32>()).map_err(|_| Unfit::Text)?;
        out[start..][..size_of::<i32>()].copy_from_slice(&length.to_be_bytes());
        Ok(())
    }

    fn put(self, value: &Value, out: &mut Vec<u8>) -> Result<(), Unfit> {
        let refused = || Unfit::Refused(self.refusal(value));
        match self {
            Self::Text => put_text(&plain(value).ok_or_else(refused)?, out),
            Self::Bytes => {
                match value.as_bytes() {
                    Some(bytes) => out.put_slice(bytes),
                    None => out.put_slice(plain(value).ok_or_else(refused)?.as_bytes()),
                }
                Ok(())
            }
            Self::Boolean => {
                out.put_u8(boolean(value).ok_or_else(refused)?.into());
                Ok(())
            }
            Self::Integer(bits) => {
                let number = integer(value, bits).ok_or_else(refused)?;
                let bytes = number.to_be_bytes();
                out.put_slice(&bytes[bytes.len() - bits as usize / 8..]);
                Ok(())
            }
            Self::Float(bits) => put_float(float(value).ok_or_else(refused)?, bits, out),
            Self::Numeric => numeric::put(value, out).ok_or(Unfit::Text),
            Self::Json => put_text(&json(value), out),
            Self::Jsonb => {
                out.put_u8(JSONB_VERSION);
                put_text(&json(value), out)
            }
            // What a text means there only the server knows.
            Self::Date | Self::Time | Self::Timestamp if matches!(value, Value::String(_)) => {
                Err(Unfit::Text)
            }
            Self::Date => {
                let days = days(value).ok_or_else(refused)?;
                put_days(days, out).ok_or(Unfit::Text)
            }
            Self::Time => {
                out.put_i64(i64::from(ms_of_day(value).ok_or_else(refused)?) * 1_000);
                Ok(())
            }
            Self::Timestamp => {
                let ms = epoch_ms(value).ok_or_else(refused)?;
                if !DAYS.contains(&ms.div_euclid(DAY_MS)) {
                    return Err(Unfit::Text);
                }
                out.put_i64((ms - EPOCH_DAYS * DAY_MS) * 1_000);
                Ok(())
            }
            Self::ZonedTime | Self::Array | Self::Other => Err(Unfit::Text),
        }
    }
}

fn put_text(text: &str, out: &mut Vec<u8>) -> Result<(), Unfit> {
    if memchr::memchr(0, text.as_bytes()).is_some() {
        return Err(Unfit::Refused(NO_ZERO_BYTES.to_owned()));
    }
    out.put_slice(text.as_bytes());
    Ok(())
}

fn put_float(number: f64, bits: u32, out: &mut Vec<u8>) -> Result<(), Unfit> {
    if bits == 64 {
        out.put_f64(number);
        return Ok(());
    }
    #[expect(clippy::cast_possible_truncation, reason = "the nearest is what the column takes")]
    let narrow = number as f32;
    // Too large or too small: the server refuses the text.
    if narrow.is_infinite() != number.is_infinite() || (narrow == 0.0) != (number == 0.0) {
        return Err(Unfit::Text);
    }
    out.put_f32(narrow);
    Ok(())
}

fn put_days(days: i64, out: &mut Vec<u8>) -> Option<()> {
    let since = DAYS.contains(&days).then_some(days - EPOCH_DAYS)?;
    out.put_i32(i32::try_from(since).ok()?);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binary(kind: &str, value: Value) -> Result<Vec<u8>, Unfit> {
        let mut out = Vec::new();
        ColumnKind::of(kind).write_binary(&value, &mut out).map(|()| out)
    }

    #[test]
    fn a_value_is_its_length_and_its_bytes() {
        for (kind, value, expected) in [
            ("bool", Value::Int64(1), &[0, 0, 0, 1, 1][..]),
            ("int2", Value::string(" -2 "), &[0, 0, 0, 2, 0xff, 0xfe]),
            ("int4", Value::Null, &[0xff; 4]),
            ("text", Value::Int64(5), &[0, 0, 0, 1, b'5']),
            ("bytea", Value::bytes(vec![0, 255]), &[0, 0, 0, 2, 0, 255]),
            ("date", Value::Date(10_958), &[0, 0, 0, 4, 0, 0, 0, 1]),
            ("jsonb", Value::string("{}"), &[0, 0, 0, 3, 1, b'{', b'}']),
        ] {
            assert_eq!(binary(kind, value.clone()).as_deref(), Ok(expected), "{kind} {value:?}");
        }
    }

    #[test]
    fn what_only_the_server_understands_stays_text() {
        for (kind, value) in [
            ("inet", Value::string("10.0.0.1")),
            ("timestamptz", Value::string("yesterday")),
            ("timetz", Value::Time(0)),
            ("date", Value::Date(i32::MAX)),
            ("float4", Value::Float64(1e300)),
            ("float4", Value::Float64(1e-300)),
            ("numeric", Value::Float64(f64::INFINITY)),
        ] {
            assert_eq!(binary(kind, value.clone()), Err(Unfit::Text), "{kind} {value:?}");
        }
        for (kind, value) in [("text", Value::string("a\0")), ("int4", Value::Int64(1 << 40))] {
            assert!(matches!(binary(kind, value), Err(Unfit::Refused(_))), "{kind}");
        }
    }
}
