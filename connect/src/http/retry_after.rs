//! `Retry-After` (RFC 9110, 10.2.3): seconds, or a date.

use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Utc};
use reqwest::header::{HeaderMap, RETRY_AFTER};

/// However long a server asks for, it is asked again after this: it may have been wrong, and the task looks stuck.
const WAIT_MAX: Duration = Duration::from_secs(300);

/// How long the server asks to wait, at most five minutes; nothing where it does not say, or not in a way to be read.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    wait(headers.get(RETRY_AFTER)?.to_str().ok()?, Utc::now())
}

fn wait(text: &str, now: DateTime<Utc>) -> Option<Duration> {
    let text = text.trim();
    let wait = match text.parse::<f64>() {
        // Some servers say parts of a second; some say more seconds than there will be.
        Ok(seconds) if seconds >= 0.0 => {
            Duration::try_from_secs_f64(seconds.min(WAIT_MAX.as_secs_f64())).ok()?
        }
        Ok(_) => return None,
        Err(_) => (date(text)? - now).to_std().unwrap_or_default(),
    };
    Some(wait.min(WAIT_MAX))
}

/// A date in one of the three forms that HTTP has had (RFC 9110, 5.6.7). The day of the week is not looked at: it may be wrong.
fn date(text: &str) -> Option<DateTime<Utc>> {
    let (weekday, day) = text.split_once(' ')?;
    let form = match weekday.strip_suffix(',').map(str::len) {
        Some(3) => return DateTime::parse_from_rfc2822(day).ok().map(|date| date.to_utc()),
        Some(_) => "%d-%b-%y %H:%M:%S GMT",
        None => "%b %e %H:%M:%S %Y",
    };
    NaiveDateTime::parse_from_str(day.trim_start(), form).ok().map(|date| date.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_read_and_bounded() {
        let now = DateTime::parse_from_rfc3339("2026-11-22T14:00:00Z").unwrap().to_utc();
        for (text, expected) in [
            ("7", Some(7)),
            (" 0 ", Some(0)),
            ("99999999999", Some(300)),
            ("Sun, 22 Nov 2026 14:00:20 GMT", Some(20)),
            ("Sun, 22 Nov 2026 13:00:00 GMT", Some(0)),
            ("Mon, 22 Nov 2027 13:00:00 GMT", Some(300)),
            ("Sunday, 22-Nov-26 14:00:20 GMT", Some(20)),
            ("Sun Nov 22 14:00:20 2026", Some(20)),
            ("Mon Nov  2 14:00:20 2026", Some(0)),
            ("Tue, 22 Nov 2026 14:00:20 GMT", Some(20)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(0)),
            ("99999999999999999999999999", Some(300)),
            ("inf", Some(300)),
            ("NaN", None),
            ("-1", None),
            ("Sun, 31 Feb 2026 14:00:20 GMT", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(wait(text, now), expected.map(Duration::from_secs), "{text}");
        }
        assert_eq!(wait("2.5", now), Some(Duration::from_millis(2_500)));
    }
}
