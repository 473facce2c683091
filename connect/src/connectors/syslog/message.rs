//! What a message says (RFC 3164, RFC 5424).

use std::borrow::Cow;

use chrono::{DateTime, Datelike, FixedOffset, Utc};
use syslog_loose::{
    IncompleteDate, Message, ProcId, Variant, decompose_pri, parse_message_with_year_exact_tz,
};

use super::framing::Frame;
use super::old_time::OldTime;
use crate::data::{Map, Value};
use crate::options::{Choice, Kind, OptionType};

/// What RFC 5424 has senders put before a text that is UTF-8.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// How messages are written.
#[derive(Choice, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Either way.
    Auto,
    /// The old way: `<34>Oct 11 22:14:15 host app[1]: text`.
    Rfc3164,
    /// The new way: `<34>1 2003-10-11T22:14:15.003Z host app 1 ID47 [a@1 b="c"] text`.
    Rfc5424,
}

/// Where senders are whose times say no zone. `None`: where this machine is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Zone(pub Option<FixedOffset>);

impl OptionType for Zone {
    const KIND: Kind = Kind::String;

    fn parse(text: &str) -> Result<Self, String> {
        match text.trim() {
            "local" => Ok(Self(None)),
            "UTC" | "Z" => Ok(Self(FixedOffset::east_opt(0))),
            offset => offset
                .parse()
                .map(|offset| Self(Some(offset)))
                .map_err(|_| "must be local, UTC, or an offset as +02:00".to_owned()),
        }
    }
}

/// A message as a value, and what is read out of it besides.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) value: Map,
    /// Milliseconds since 1970, where the message says a time.
    pub(super) timestamp: Option<i64>,
    pub(super) host: Option<String>,
    /// Whether it is a message of syslog at all.
    pub(super) is_syslog: bool,
}

/// How messages are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader {
    pub(super) format: Format,
    pub(super) zone: Zone,
}

impl Reader {
    /// Reads a message that came at `now`. What is no syslog becomes a raw text, with its priority where it has one.
    pub(super) fn read(&self, frame: &Frame, now: DateTime<Utc>) -> Parsed {
        let text = String::from_utf8_lossy(&frame.bytes);
        let variant = match self.format {
            Format::Auto => Variant::Either,
            Format::Rfc3164 => Variant::RFC3164,
            Format::Rfc5424 => Variant::RFC5424,
        };
        let old = OldTime::find(&text).filter(|_| self.format != Format::Rfc5424);
        let mut plain = Cow::Borrowed(&*text);
        if let Some(place) = old.as_ref().and_then(|old| old.fraction.clone()) {
            plain.to_mut().replace_range(place, "");
        }
        let mut parsed = match self.zone.0 {
            Some(zone) => {
                parse_message_with_year_exact_tz(&plain, |date| year(date, now), Some(zone), variant)
            }
            None => syslog_loose::parse_message_with_year_exact(&plain, |date| year(date, now), variant),
        }
        .map_or_else(
            |_| raw(&text),
            |message| said(&message, &plain, old.map_or(0, |old| self.unread(&old, &text))),
        );
        for (flag, is_set) in [
            ("raw", !parsed.is_syslog),
            ("truncated", frame.is_cut),
            ("lossy", matches!(text, Cow::Owned(_))),
        ] {
            if is_set {
                parsed.value.insert(flag, true);
            }
        }
        parsed
    }

    /// What of an old time the parser does not read, in milliseconds: the parts of a second, and the zone where there is a year.
    fn unread(&self, old: &OldTime, text: &str) -> i64 {
        let zone = self.zone.0.filter(|_| old.has_year).map_or(0, |zone| zone.local_minus_utc());
        old.millis(text) - i64::from(zone) * 1_000
    }
}

fn said(message: &Message<&str>, whole: &str, unread: i64) -> Parsed {
    // The parser leaves out the blanks at the end, which are the sender's.
    let text = message.msg.trim_start_matches(BYTE_ORDER_MARK);
    let blanks = if text.is_empty() { "" } else { &whole[whole.trim_end().len()..] };
    let procid = message.procid.as_ref().map(|procid| match procid {
        ProcId::PID(number) => number.to_string(),
        ProcId::Name(name) => (*name).to_owned(),
    });
    let mut elements = Map::new();
    for element in &message.structured_data {
        let mut params = Map::new();
        element.params().for_each(|(name, value)| add(&mut params, name, value.into()));
        add(&mut elements, element.id, params.into());
    }
    let timestamp = message.timestamp.map(|time| time.timestamp_millis() + unread);
    // Firewalls name themselves or do not; what they say begins with its kind in either case.
    let (host, app) = match (message.hostname, message.appname) {
        (Some(kind), None) if kind.starts_with('%') => (None, Some(kind)),
        named => named,
    };
    let value = Map::new()
        .with("facility", message.facility.map(|facility| facility.as_str()))
        .with("severity", message.severity.map(|severity| severity.as_str()))
        .with("host", host)
        .with("app", app)
        .with("procid", procid)
        .with("msgid", message.msgid)
        .with("structured_data", elements)
        .with("message", format!("{text}{blanks}"))
        .with("timestamp", timestamp);
    Parsed { value, timestamp, host: host.map(str::to_owned), is_syslog: true }
}

/// Adds what may be said more than once (RFC 5424, 6.3.3): it becomes a list then.
fn add(to: &mut Map, name: &str, value: Value) {
    match to.get_mut(name) {
        None => drop(to.insert(name, value)),
        Some(Value::Array(known)) => known.push(value),
        Some(known) => *known = Value::Array(vec![std::mem::take(known), value]),
    }
}

fn raw(text: &str) -> Parsed {
    let (facility, severity) = priority(text).map_or((None, None), decompose_pri);
    let value = Map::new()
        .with("facility", facility.map(|facility| facility.as_str()))
        .with("severity", severity.map(|severity| severity.as_str()))
        .with("host", Value::Null)
        .with("app", Value::Null)
        .with("procid", Value::Null)
        .with("msgid", Value::Null)
        .with("structured_data", Map::new())
        .with("message", text)
        .with("timestamp", Value::Null);
    Parsed { value, timestamp: None, host: None, is_syslog: false }
}

/// The number in angle brackets with which a message begins.
fn priority(text: &str) -> Option<u8> {
    let (number, _) = text.strip_prefix('<')?.split_once('>')?;
    number.parse().ok()
}

/// The year of a date that says none: the one that brings it nearest to `now`, since a message of December comes in January.
fn year((month, ..): IncompleteDate, now: DateTime<Utc>) -> i32 {
    match i64::from(month) - i64::from(now.month()) {
        ahead if ahead > 6 => now.year() - 1,
        behind if behind < -6 => now.year() + 1,
        _ => now.year(),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

    const READER: Reader = Reader { format: Format::Auto, zone: Zone(FixedOffset::east_opt(7_200)) };

    fn read(text: &str) -> Parsed {
        let now = DateTime::from_timestamp(1_767_225_600, 0).unwrap();
        READER.read(&Frame { bytes: Bytes::copy_from_slice(text.as_bytes()), is_cut: false }, now)
    }

    fn text<'a>(parsed: &'a Parsed, field: &str) -> Option<&'a str> {
        parsed.value.get(field).unwrap().as_str()
    }

    #[test]
    fn the_examples_of_rfc_5424_are_read() {
        let found = read(
            "<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 \
             [exampleSDID@32473 iut=\"3\" eventSource=\"App\\]lication\"][examplePriority@32473 class=\"high\"] \
             \u{feff}An application event log entry...",
        );
        let fields = ["facility", "severity", "host", "app", "procid", "msgid", "message"];
        let expected = [
            Some("local4"),
            Some("notice"),
            Some("mymachine.example.com"),
            Some("evntslog"),
            None,
            Some("ID47"),
            Some("An application event log entry..."),
        ];
        assert_eq!(fields.map(|field| text(&found, field)), expected);
        assert_eq!(found.timestamp, Some(1_065_910_455_003));
        let data = found.value.get("structured_data").unwrap();
        assert_eq!(data.get("exampleSDID@32473").unwrap().get("eventSource"), Some(&"App]lication".into()));
        assert_eq!(data.get("examplePriority@32473").unwrap().get("class"), Some(&"high".into()));
        assert!(found.value.get("raw").is_none());
    }

    #[test]
    fn the_example_of_rfc_3164_is_read_in_the_zone_and_year_of_its_sender() {
        let found = read("<34>Oct 11 22:14:15 mymachine su[77]: 'su root' failed for lonvick on /dev/pts/8");
        let fields = ["facility", "severity", "host", "app", "procid", "message"];
        let expected =
            ["auth", "crit", "mymachine", "su", "77", "'su root' failed for lonvick on /dev/pts/8"];
        assert_eq!(fields.map(|field| text(&found, field)), expected.map(Some));
        // It is the first of January 2026: last October's.
        assert_eq!(found.timestamp, Some(1_760_213_655_000));
        assert_eq!(read("<34>Jan  2 00:00:00 h a: x").timestamp, Some(1_767_304_800_000));
    }

    #[test]
    fn a_year_and_parts_of_a_second_are_read_in_the_zone_of_the_sender() {
        // In the zone of the reader, two hours before.
        const EXPECTED: i64 = 1_795_403_655_000;
        for (message, millis) in [
            ("<189>Nov 23 05:14:15.123 fw01 %ASA-6-302013: Built", 123),
            ("<189>Nov 23 2026 05:14:15 fw01 %ASA-6-302013: Built", 0),
            ("<189>Nov 23 2026 05:14:15.5 fw01 %ASA-6-302013: Built", 500),
        ] {
            let now = DateTime::from_timestamp(1_795_404_000, 0).unwrap();
            let frame = Frame { bytes: Bytes::from_static(message.as_bytes()), is_cut: false };
            let found = READER.read(&frame, now);
            assert_eq!(found.timestamp, Some(EXPECTED + millis), "{message}");
            let fields = ["host", "app", "message"];
            let expected = ["fw01", "%ASA-6-302013", "Built"];
            assert_eq!(fields.map(|field| text(&found, field)), expected.map(Some), "{message}");
        }
    }

    #[test]
    fn a_firewall_without_a_name_is_no_host_of_its_message_s_kind() {
        let found = read("<189>Nov 23 2026 05:14:15: %ASA-6-302013: Built");
        assert_eq!(
            (text(&found, "app"), text(&found, "host"), found.host.as_deref()),
            (Some("%ASA-6-302013"), None, None)
        );
        assert_eq!(text(&found, "message"), Some("Built"));
    }

    #[test]
    fn what_is_said_more_than_once_is_a_list() {
        let found = read(
            "<34>1 2026-11-23T03:14:15Z h a 1 m [o ip=\"1\" ip=\"2\" ip=\"3\" x=\"4\"][o ip=\"5\"] text",
        );
        let data = found.value.get("structured_data").unwrap().to_json().to_string();
        assert_eq!(data, r#"{"o":[{"ip":["1","2","3"],"x":"4"},{"ip":"5"}]}"#);
    }

    #[test]
    fn what_is_no_syslog_goes_on_raw() {
        let found = read("<13>what is this?");
        assert_eq!(
            (text(&found, "message"), text(&found, "severity")),
            (Some("<13>what is this?"), Some("notice"))
        );
        assert_eq!(found.value.get("raw"), Some(&true.into()));
        assert!(!found.is_syslog);
        assert_eq!(text(&read("<999>x"), "facility"), None);
    }

    #[test]
    fn what_was_cut_or_is_no_utf_8_says_so() {
        let frame = Frame { bytes: Bytes::from_static(b"<34>Oct 11 22:14:15 h a: \xff"), is_cut: true };
        let found = READER.read(&frame, Utc::now());
        assert_eq!(
            (found.value.get("truncated"), found.value.get("lossy")),
            (Some(&true.into()), Some(&true.into()))
        );
        assert_eq!(text(&found, "message"), Some("\u{fffd}"));
    }

    #[test]
    fn a_zone_is_read_or_refused() {
        assert_eq!(Zone::parse("local"), Ok(Zone(None)));
        assert_eq!(Zone::parse("UTC"), Ok(Zone(FixedOffset::east_opt(0))));
        assert_eq!(Zone::parse("-05:30"), Ok(Zone(FixedOffset::west_opt(19_800))));
        assert!(Zone::parse("Mars").is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            READER.read(&Frame { bytes: bytes.into(), is_cut: false }, Utc::now());
        }

        #[test]
        fn what_is_nearly_a_message_is_read(at in 0_usize..120, with in any::<char>(), old in any::<bool>()) {
            let message = match old {
                true => "<34>Oct 11 22:14:15 mymachine su[77]: it failed",
                false => "<165>1 2003-10-11T22:14:15.003Z host app - ID47 [a@1 b=\"c\\]\" d=\"\"] text",
            };
            let mut chars: Vec<char> = message.chars().collect();
            let at = at % chars.len();
            chars[at] = with;
            read(&chars.into_iter().collect::<String>());
        }
    }
}
