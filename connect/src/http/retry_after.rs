//! `Retry-After` (RFC 9110, 10.2.3): seconds, or a date.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, RETRY_AFTER};

/// However long a server asks for, it is asked again after this: it may have been wrong, and the task looks stuck.
const WAIT_MAX: Duration = Duration::from_secs(300);

/// How long the server asks to wait, at most five minutes; nothing where it does not say, or not in a way to be read.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    wait(headers.get(RETRY_AFTER)?.to_str().ok()?, Utc::now())
}

fn wait(text: &str, now: DateTime<Utc>) -> Option<Duration> {
    let text = text.trim();
    let wait = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let date = DateTime::parse_from_rfc2822(text).ok()?;
            date.signed_duration_since(now).to_std().unwrap_or_default()
        }
    };
    Some(wait.min(WAIT_MAX))
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
            ("-1", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(wait(text, now), expected.map(Duration::from_secs), "{text}");
        }
    }
}
