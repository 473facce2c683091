//! Where ours is meant to say something else than Kafka.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;

pub(super) const ALL: &[&str] = &[LOGICAL, DEFAULT, PATH, CASE, METADATA, DIGITS, REFORM, HEXADECIMAL];

/// Kafka's data has no decimals and times without a schema; ours are written and cast as with one.
const LOGICAL: &str = "a decimal or a time without a schema is taken";
/// Kafka's reader of schemas cannot give a struct a default, its writer can.
const DEFAULT: &str = "the default of a struct is read";
/// Kafka accepts the configuration and refuses every record.
const PATH: &str = "the way to a field that has no step is refused at once";
/// Some of Kafka's options look at the case of their words, others do not.
const CASE: &str = "the case of a word does not count";
/// Since 4.x Kafka names only the schemas of structs.
const METADATA: &str = "the schema of what is no struct gets its name and version";
/// Java's calendar keeps the low bits of what is too long.
const DIGITS: &str = "a number of more than 32 bits is no part of a date";
/// October 1582 had 21 days, of which Java counts the weeks its own way.
const REFORM: &str = "the week in the month of the calendar's reform";

/// Java reads the bits of a float in hexadecimal digits, which nobody writes into a record.
const HEXADECIMAL: &str = "a float in hexadecimal digits is no number";

pub(super) fn known(case: &Json, theirs: &Json, ours: &Json) -> Option<&'static str> {
    let refused = theirs.get("error").is_some() && ours.get("error").is_none();
    let text = case.to_string();
    let is = |name: &str| {
        case["transform"].as_str().or(case["write"].as_str()).is_some_and(|of| of.contains(name))
    };
    let options = &case["options"];
    if refused
        && (is("Json") || is("Cast") || is("Flatten"))
        && (text.contains("\"decimal\"") || text.contains("\"date\""))
    {
        return Some(LOGICAL);
    }
    if refused && is("SetSchemaMetadata") {
        let half = if is("$Key") { "key" } else { "value" };
        return (case["record"][half]["schema"]["type"] != "STRUCT").then_some(METADATA);
    }
    if refused && case["read"].is_string() {
        let bytes = STANDARD.decode(case["bytes"].as_str()?).ok()?;
        return String::from_utf8(bytes).ok()?.contains("\"default\":{").then_some(DEFAULT);
    }
    if is("Cast") && ours.get("error").is_some() && text.contains("\"0x1p3\"") {
        return Some(HEXADECIMAL);
    }
    if is("ExtractField") && options["field"] == "" && ours.get("config").is_some() {
        return Some(PATH);
    }
    if theirs.get("config").is_some() && (options["operation"] == "Move" || options["target.type"] == "date")
    {
        return Some(CASE);
    }
    if case["parse"].is_string() && ours.is_null() {
        let longest = case["text"].as_str()?.split(|c: char| !c.is_ascii_digit()).map(str::len).max()?;
        return (longest > 9).then_some(DIGITS);
    }
    (case["format"].as_str().is_some_and(|format| format.contains('W'))
        && case["ms"] == -12_219_292_800_000_i64)
        .then_some(REFORM)
}
