use std::fmt::Write;

use chrono::DateTime;

use super::options::{DatagenOptions, Template};
use super::random::Draw;
use crate::data::{Map, SchemaAndValue, Value};

/// Makes records up: which one a number is depends on the options alone.
pub(super) struct Maker {
    options: DatagenOptions,
    /// The time of the first record, in milliseconds since 1970.
    start_ms: i64,
    per_second: u64,
    /// A line in the making.
    line: String,
    /// The second that was written last, since most lines have the same as the one before.
    second: (i64, String),
}

/// A record that was made up.
pub(super) struct Made {
    pub(super) key: SchemaAndValue,
    pub(super) value: SchemaAndValue,
    /// In milliseconds since 1970; that of a late one lies before that of its neighbours.
    pub(super) timestamp: i64,
}

/// What all templates draw.
struct Event {
    draw: Draw,
    timestamp: i64,
    key: u64,
    is_error: bool,
}

impl Maker {
    pub(super) fn new(options: DatagenOptions, start_ms: i64) -> Self {
        let per_second = options.per_second();
        let second = (i64::MIN, String::new());
        Self { options, start_ms, per_second, line: String::new(), second }
    }

    /// The record of a number.
    pub(super) fn make(&mut self, number: u64) -> Made {
        let event = self.event(number);
        match self.options.template {
            Template::Weblog => self.weblog(event),
            Template::Orders => order(number, event),
            Template::Metrics => metric(event),
        }
    }

    fn event(&self, number: u64) -> Event {
        let options = &self.options;
        let mut draw = Draw::of(options.seed, number);
        let since_start = u128::from(number) * 1_000 / u128::from(self.per_second);
        let since_start = u64::try_from(since_start).unwrap_or(u64::MAX);
        let every = u64::try_from(options.burst_every.as_millis()).unwrap_or(u64::MAX);
        let in_burst = every > 0 && u128::from(since_start % every.max(1)) < options.burst_length.as_millis();
        let is_error = draw.in_share(if in_burst { options.burst_error_share } else { options.error_share });
        let key = if draw.in_share(options.hot_share) { 0 } else { draw.below(options.keys) };
        let late_max = u64::try_from(options.late_max.as_millis()).unwrap_or(u64::MAX).max(1);
        let late = if draw.in_share(options.late_share) { 1 + draw.below(late_max) } else { 0 };
        let timestamp = self.start_ms.saturating_add_unsigned(since_start).saturating_sub_unsigned(late);
        Event { draw, timestamp, key, is_error }
    }

    /// A line in combined format, as Apache and nginx write it.
    fn weblog(&mut self, event: Event) -> Made {
        let Event { mut draw, timestamp, key, is_error } = event;
        let path = format!("/{}/{key}", draw_section(key));
        let (method, status) = match is_error {
            true => ("GET", draw.one_of(&["500", "502", "503", "504"])),
            false => draw
                .one_of(&[
                    &("GET", "200"),
                    &("GET", "200"),
                    &("GET", "200"),
                    &("GET", "304"),
                    &("POST", "201"),
                    &("GET", "404"),
                ])
                .to_owned(),
        };
        let address = draw.next();
        let [a, b, c, d, ..] = address.to_le_bytes();
        let bytes = if status == "304" { 0 } else { 200 + draw.below(60_000) };
        let (referer, agent) = (draw.one_of(REFERERS), draw.one_of(AGENTS));
        let second = timestamp.div_euclid(1_000);
        if self.second.0 != second {
            let time = DateTime::from_timestamp(second, 0).unwrap_or_default();
            self.second = (second, time.format("%d/%b/%Y:%H:%M:%S +0000").to_string());
        }
        self.line.clear();
        // Writing to a string does not fail.
        let _ = write!(
            self.line,
            "{}.{b}.{c}.{d} - - [{}] \"{method} {path} HTTP/1.1\" {status} {bytes} \"{referer}\" \"{agent}\"",
            a % 223 + 1,
            self.second.1
        );
        Made {
            key: SchemaAndValue::string(path),
            value: SchemaAndValue::string(self.line.as_str()),
            timestamp,
        }
    }
}

fn order(number: u64, event: Event) -> Made {
    let Event { mut draw, timestamp, key, is_error } = event;
    let customer = format!("customer-{key}");
    let product = draw.below(PRODUCTS.len() as u64) as usize;
    let quantity = 1 + draw.below(5);
    let (name, cents) = PRODUCTS[product];
    let value = Map::new()
        .with("order_id", Value::Int64(number.cast_signed()))
        .with("customer", customer.as_str())
        .with("product", name)
        .with("quantity", Value::Int64(quantity.cast_signed()))
        .with("price_cents", Value::Int64((cents * quantity).cast_signed()))
        .with("status", if is_error { "failed" } else { "placed" })
        .with("time", Value::Int64(timestamp));
    Made { key: SchemaAndValue::string(customer), value: SchemaAndValue::schemaless(value), timestamp }
}

fn metric(event: Event) -> Made {
    let Event { mut draw, timestamp, key, is_error } = event;
    let host = format!("host-{key}");
    let name = draw.one_of(&["cpu_busy_percent", "memory_used_percent", "request_ms", "disk_used_percent"]);
    // What is wrong shows as a value near the top.
    let permille = if is_error { 950 + draw.below(50) } else { 100 + draw.below(600) };
    let value = Map::new()
        .with("name", name)
        .with("host", host.as_str())
        .with("value", Value::Float64(permille as f64 / 10.0))
        .with("time", Value::Int64(timestamp));
    Made { key: SchemaAndValue::string(host), value: SchemaAndValue::schemaless(value), timestamp }
}

/// The part of a site that a page belongs to: always the same.
fn draw_section(key: u64) -> &'static str {
    const SECTIONS: &[&str] = &["checkout", "catalog", "search", "account", "images", "api", "blog", "help"];
    SECTIONS[(key % SECTIONS.len() as u64) as usize]
}

const PRODUCTS: &[(&str, u64)] = &[
    ("harpoon", 12_900),
    ("lantern", 4_550),
    ("oilskin", 8_900),
    ("sextant", 24_900),
    ("tobacco", 690),
    ("sea chest", 15_500),
];

const REFERERS: &[&str] = &[
    "-",
    "https://www.example.com/",
    "https://www.example.com/catalog/today?from=newsletter",
    "https://search.example.org/results?q=harpoon+with+a+long+line",
];

const AGENTS: &[&str] = &[
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
    "curl/8.14.1",
];
