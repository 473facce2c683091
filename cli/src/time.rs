//! Times and spans as people and Kafka's tools write them.

use chrono::{DateTime, NaiveDate, NaiveDateTime};

/// Milliseconds since 1970 of `2026-11-22T05:00:00Z`; without a zone it is UTC, as in Kafka's tools. A date is its
/// first moment.
pub(crate) fn moment(text: &str) -> Result<i64, String> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.timestamp_millis());
    }
    let zoneless = text.parse::<NaiveDateTime>().ok();
    let dated = || text.parse::<NaiveDate>().ok().and_then(|date| date.and_hms_opt(0, 0, 0));
    match zoneless.or_else(dated) {
        Some(time) => Ok(time.and_utc().timestamp_millis()),
        None => Err("expected a time such as 2026-11-22T05:00:00Z, or a date".to_owned()),
    }
}

/// Milliseconds of `P1DT2H30M`, as Kafka's tools write a span, or of `1d2h30m`.
pub(crate) fn span(text: &str) -> Result<i64, String> {
    let wrong = || "expected a span such as PT1H30M, P7D or 90m".to_owned();
    let upper = text.trim().to_uppercase();
    // Before the T of the long form an M would be months, which have no length.
    if upper.starts_with('P') && upper.split('T').next().is_some_and(|days| days.contains('M')) {
        return Err(wrong());
    }
    let parts = upper.trim_start_matches('P').replace('T', "");
    let mut millis = 0_i64;
    let mut rest = parts.as_str();
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let count: i64 = rest[..end].parse().map_err(|_| wrong())?;
        let unit = match rest.as_bytes()[end] {
            b'W' => 7 * 24 * 3_600_000,
            b'D' => 24 * 3_600_000,
            b'H' => 3_600_000,
            b'M' => 60_000,
            b'S' => 1_000,
            _ => return Err(wrong()),
        };
        millis = count.checked_mul(unit).and_then(|part| millis.checked_add(part)).ok_or_else(wrong)?;
        rest = &rest[end + 1..];
    }
    if parts.is_empty() { Err(wrong()) } else { Ok(millis) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_with_and_without_a_zone() {
        assert_eq!(moment("1970-01-01T00:00:01Z"), Ok(1_000));
        assert_eq!(moment("1970-01-01T01:00:01+01:00"), Ok(1_000));
        assert_eq!(moment("1970-01-01T00:00:01.500"), Ok(1_500));
        assert_eq!(moment("1970-01-02"), Ok(86_400_000));
        assert!(moment("yesterday").is_err());
    }

    #[test]
    fn spans_of_both_kinds() {
        assert_eq!(span("PT1H30M"), Ok(5_400_000));
        assert_eq!(span("P1DT1S"), Ok(86_401_000));
        assert_eq!(span("90m"), Ok(5_400_000));
        assert_eq!(span("P0DT0H0M0S"), Ok(0));
        for wrong in ["", "P", "P1M", "1", "1x", "-5m", "99999999999999999999d", "é1s", "1é"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
    }
}
