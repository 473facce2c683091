use proptest::prelude::*;

use super::*;

fn all(text: &str, format: Format) -> Result<Vec<Reading<'_>>, Fault> {
    Exposition::new(text, format).collect()
}

/// `name{label=value} = value @ timestamp`, a line each.
fn readable(text: &str, format: Format) -> Vec<String> {
    let line = |reading: Reading<'_>| {
        let labels: Vec<String> =
            reading.labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        let at = reading.timestamp.map(|at| format!(" @ {at}")).unwrap_or_default();
        format!("{}{{{}}} = {}{at}", reading.name, labels.join(","), reading.value)
    };
    all(text, format).unwrap().into_iter().map(line).collect()
}

fn why(text: &str, format: Format) -> (usize, Why) {
    let fault = all(text, format).unwrap_err();
    (fault.line, fault.why)
}

/// The example of Prometheus's documentation of the format.
const EXAMPLE: &str = r#"# HELP http_requests_total The total number of HTTP requests.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000
http_requests_total{method="post",code="400"}    3 1395066363000

# Escaping in label values:
msdos_file_access_time_seconds{path="C:\\DIR\\FILE.TXT",error="Cannot find file:\n\"FILE.TXT\""} 1.458255915e9

# Minimalistic line:
metric_without_timestamp_and_labels 12.47

# A weird metric from before the epoch:
something_weird{problem="division by zero"} +Inf -3982045

# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_bucket{le="+Inf",} 144320
"#;

#[test]
fn prometheus_s_own_example_is_read() {
    assert_eq!(
        readable(EXAMPLE, Format::Text),
        [
            r#"http_requests_total{method="post",code="200"} = 1027 @ 1395066363000"#,
            r#"http_requests_total{method="post",code="400"} = 3 @ 1395066363000"#,
            r#"msdos_file_access_time_seconds{path="C:\\DIR\\FILE.TXT",error="Cannot find file:\n\"FILE.TXT\""} = 1458255915"#,
            "metric_without_timestamp_and_labels{} = 12.47",
            r#"something_weird{problem="division by zero"} = inf @ -3982045"#,
            r#"http_request_duration_seconds_bucket{le="+Inf"} = 144320"#,
        ]
    );
}

#[test]
fn openmetrics_has_seconds_exemplars_and_an_end() {
    let text = "# TYPE foo counter\n# UNIT foo_seconds seconds\n\
        foo_total{a=\"b\"} 17.0 1520879607.789 # {trace_id=\"KOO5S4vxi0o\"} 0.67 1520879606\n\
        foo_created 1520872607.123\n# EOF\n";
    assert_eq!(
        readable(text, Format::OpenMetrics),
        [r#"foo_total{a="b"} = 17 @ 1520879607789"#, "foo_created{} = 1520872607.123"]
    );
    assert_eq!(why("foo 1\n", Format::OpenMetrics), (2, Why::NoEof));
    assert_eq!(why("foo 1\n# EOF\nfoo 2\n", Format::OpenMetrics), (3, Why::AfterEof));
    assert_eq!(why("foo 1 1e300\n# EOF", Format::OpenMetrics), (1, Why::Timestamp));
    assert_eq!(readable("foo 1\n# EOF\nfoo 2\n", Format::Text).len(), 2, "a remark, in the other format");
}

#[test]
fn what_only_looks_like_a_type_is_a_remark() {
    let text = "#\n# \n#remark\n# TYPE\n# TYPE \n# HELP\n#TYPE it is said\n##\na 1\n";
    assert_eq!(readable(text, Format::Text), ["a{} = 1"], "as Prometheus reads it");
}

#[test]
fn a_name_may_be_quoted() {
    assert_eq!(
        readable("{\"my.metric\", \"my.label\"=\"1\"} NaN\n", Format::Text),
        [r#"my.metric{my.label="1"} = NaN"#]
    );
    assert_eq!(why("{\"a\",\"b\"} 1", Format::Text), (1, Why::Labels));
    assert_eq!(why("{b=\"1\"} 1", Format::Text), (1, Why::Name));
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    for (text, line, expected) in [
        ("a 1\n0b 1", 2, Why::Name),
        ("a{b=\"c} 1", 1, Why::Quote),
        ("a{b=c} 1", 1, Why::Quote),
        ("a{b=\"c\" d=\"e\"} 1", 1, Why::Labels),
        ("a{b:c=\"d\"} 1", 1, Why::Labels),
        ("a{b=\"c\"", 1, Why::Labels),
        ("a", 1, Why::Value),
        ("a one", 1, Why::Value),
        ("a 1 soon", 1, Why::Timestamp),
        ("a 1 1.5", 1, Why::Timestamp),
        ("a 1 2 3", 1, Why::Trailing),
        ("a 1 # {b=\"c\"} 1", 1, Why::Trailing),
        ("# TYPE a curve", 1, Why::Type),
        ("# TYPE a", 1, Why::Type),
    ] {
        assert_eq!(why(text, Format::Text), (line, expected), "{text}");
    }
}

#[test]
fn the_content_type_names_the_format() {
    assert_eq!(Format::of("application/openmetrics-text; version=1.0.0; charset=utf-8"), Format::OpenMetrics);
    assert_eq!(Format::of("text/plain; version=0.0.4"), Format::Text);
    assert_eq!(Format::of(""), Format::Text);
}

/// A line as a target would write it.
fn line() -> impl Strategy<Value = (String, Vec<(String, String)>, f64, Option<i64>)> {
    let label = ("[a-z_][a-z0-9_]{0,5}", "\\PC{0,8}|.*[\\\\\"\n].*");
    (
        "[a-zA-Z_:][a-zA-Z0-9_:]{0,9}",
        proptest::collection::vec(label, 0..4),
        any::<f64>(),
        proptest::option::of(any::<i64>()),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_text_is_read_or_refused(text in ".*|[a-z{}\"=,# \n\\\\0-9]{0,60}") {
        for format in [Format::Text, Format::OpenMetrics] {
            for reading in Exposition::new(&text, format) {
                drop(reading);
            }
        }
    }

    #[test]
    fn what_is_written_is_read(lines in proptest::collection::vec(line(), 0..5)) {
        let mut text = String::new();
        for (name, labels, value, timestamp) in &lines {
            let escape = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let labels: Vec<String> =
                labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escape(value))).collect();
            let at = timestamp.map(|at| at.to_string()).unwrap_or_default();
            text += &format!("{name}{{{}}} {value} {at}\n", labels.join(","));
        }
        let read: Vec<_> = all(&text, Format::Text).unwrap().into_iter().map(|reading| {
            let labels = reading.labels.into_iter().map(|(name, value)| (name.into_owned(), value.into_owned()));
            (reading.name.into_owned(), labels.collect::<Vec<_>>(), reading.value.to_bits(), reading.timestamp)
        }).collect();
        let written: Vec<_> = lines.into_iter()
            .map(|(name, labels, value, at)| (name, labels, value.to_bits(), at)).collect();
        prop_assert_eq!(read, written);
    }
}
