//! Decimal numbers as binary `numeric`: digits of base 10 000, how many of them stand before the point, and how many decimal ones
//! are shown behind it.

use bytes::BufMut;

use crate::data::{Decimal, Value};

/// Decimal digits in one of the server's.
const GROUP: usize = 4;
/// Digits before or behind the point: what has more goes as text.
const DIGITS_MAX: usize = 1_000;
const NEGATIVE: u16 = 0x4000;

/// Appends a number; `None`: it is none, or one that has no such form.
pub(super) fn put(value: &Value, out: &mut Vec<u8>) -> Option<()> {
    match value {
        Value::Decimal(decimal) => put_decimal(decimal, out),
        Value::String(text) => put_decimal(&text.trim().parse().ok()?, out),
        Value::Float32(_) | Value::Float64(_) => put_decimal(&value.as_f64()?.to_string().parse().ok()?, out),
        other => put_decimal(&Decimal::new(other.as_i64()?, 0), out),
    }
}

fn put_decimal(decimal: &Decimal, out: &mut Vec<u8>) -> Option<()> {
    let mut digits = decimal.unscaled().magnitude().to_string().into_bytes();
    let shift = usize::try_from(decimal.scale().unsigned_abs()).ok().filter(|shift| *shift <= DIGITS_MAX)?;
    let behind = if decimal.scale() > 0 {
        shift
    } else {
        digits.resize(digits.len() + shift, b'0');
        0
    };
    // Whole groups on both sides of the point.
    let groups_behind = behind.div_ceil(GROUP);
    digits.resize(digits.len() + groups_behind * GROUP - behind, b'0');
    let missing = digits.len().next_multiple_of(GROUP) - digits.len();
    digits.splice(0..0, std::iter::repeat_n(b'0', missing));
    let groups: Vec<u16> = digits.chunks(GROUP).map(group).collect();

    let weight = i16::try_from(groups.len()).ok()? - i16::try_from(groups_behind).ok()? - 1;
    let leading = groups.iter().take_while(|group| **group == 0).count();
    let end = groups.iter().rposition(|group| *group != 0).map_or(leading, |last| last + 1);
    let groups = &groups[leading..end];
    let is_negative = !groups.is_empty() && decimal.unscaled().sign() == num_bigint::Sign::Minus;
    out.put_u16(u16::try_from(groups.len()).ok()?);
    out.put_i16(if groups.is_empty() { 0 } else { weight - i16::try_from(leading).ok()? });
    out.put_u16(if is_negative { NEGATIVE } else { 0 });
    out.put_u16(u16::try_from(behind).ok()?);
    groups.iter().for_each(|group| out.put_u16(*group));
    Some(())
}

fn group(digits: &[u8]) -> u16 {
    digits.iter().fold(0, |group, digit| group * 10 + u16::from(digit - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_around_the_point() {
        for (text, expected) in [
            ("0.00", &[0, 0, 0, 2][..]),
            ("12345.5", &[3, 1, 0, 1, 1, 2345, 5000]),
            ("-0.00001", &[1, 0xfffe, NEGATIVE, 5, 1000]),
            ("12e4", &[1, 1, 0, 0, 12]),
        ] {
            let mut out = Vec::new();
            put(&Value::string(text), &mut out).unwrap();
            let words: Vec<u16> = out.chunks(2).map(|word| u16::from_be_bytes([word[0], word[1]])).collect();
            assert_eq!(words, expected, "{text}");
        }
    }
}
