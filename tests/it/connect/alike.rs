//! When two answers say the same.

use super::script::{Answer, Request};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Options that ours do without: versions of plugins and exactly-once are decided elsewhere, or not there yet.
const KAFKAS_OWN: [&str; 11] = [
    "connector.plugin.version",
    "key.converter.plugin.version",
    "value.converter.plugin.version",
    "header.converter.plugin.version",
    "transaction.boundary",
    "transaction.boundary.interval.ms",
    "offsets.storage.topic",
    "converter.type",
    "batch.size",
    "schema.content",
    "schemas.cache.size",
];

/// Whether ours answers alike, or otherwise where it means to. What agrees is none of what it means to answer otherwise.
pub(super) fn as_meant(asked: &Request, theirs: &Answer, ours: &Answer) -> bool {
    asked.ours.map_or_else(|| alike(asked, theirs, ours), |status| ours.status == status && theirs != ours)
}

pub(super) fn alike(asked: &Request, theirs: &Answer, ours: &Answer) -> bool {
    if theirs == ours {
        return true;
    }
    if theirs.status != ours.status || decoded(theirs) != decoded(ours) {
        return false;
    }
    // Kafka Connect says only who asks for it what a path can be asked.
    if theirs.allow.is_some() && theirs.allow != ours.allow {
        return false;
    }
    let kind = theirs.kind.as_deref().unwrap_or_default();
    if kind.starts_with("text/html") || theirs.status >= 400 && theirs.body.is_null() {
        return asked.method == "HEAD" || ours.body["error_code"] == theirs.status;
    }
    // What fails before it comes to a resource has no type there.
    if !kind.is_empty() && theirs.kind != ours.kind {
        return false;
    }
    let path = asked.path.split('?').next().unwrap_or_default();
    match path.rsplit('/').next().unwrap_or_default() {
        _ if asked.method == "OPTIONS" && theirs.status == 200 => !ours.body.is_null(),
        _ if theirs.status == 500 => same_failure(asked, &theirs.body, &ours.body),
        "connector-plugins" => kafkas_plugins(&theirs.body).is_subset(&kafkas_plugins(&ours.body)),
        "config" if path.starts_with("/connector-plugins/") && theirs.status == 200 => {
            same_definitions(theirs.body.as_array(), ours.body.as_array())
        }
        "validate" if theirs.status == 200 => same_validation(&theirs.body, &ours.body),
        "offsets" if path == "/connectors/s/offsets" && theirs.status == 200 => {
            same_positions(&theirs.body, &ours.body)
        }
        _ => theirs.body == ours.body,
    }
}

/// Where a connector was made: a name may be written more ways than one.
fn decoded(answer: &Answer) -> Option<Vec<u8>> {
    let mut bytes = answer.location.as_ref()?.bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        let hex = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        let digits = (byte == b'%').then(|| hex(bytes.next()).zip(hex(bytes.next()))).flatten();
        decoded.push(digits.map_or(byte, |(high, low)| (high * 16 + low) as u8));
    }
    Some(decoded)
}

/// What a body's parser says is its own, but that it names what it does not take.
fn same_failure(asked: &Request, theirs: &Value, ours: &Value) -> bool {
    let is_the_parsers = |body: &Value| {
        let said = body["message"].as_str().unwrap_or_default();
        said.contains("[Source: ") || said.starts_with("Cannot invoke \"")
    };
    if !is_the_parsers(theirs) {
        return theirs == ours;
    }
    let said = ours["message"].as_str().unwrap_or_default();
    let body = asked.body.as_deref().unwrap_or_default();
    let named =
        ["ASLEEP", "more", "Name"].into_iter().filter(|strange| body.contains(&format!("\"{strange}\"")));
    ours["error_code"] == 500 && !said.is_empty() && named.into_iter().all(|strange| said.contains(strange))
}

/// Converters of headers are converters; all else has the same kind.
fn kafkas_plugins(body: &Value) -> BTreeSet<(String, String)> {
    let text = |one: &Value, name: &str| one[name].as_str().unwrap_or_default().to_owned();
    let all = body.as_array().into_iter().flatten().map(|one| (text(one, "class"), text(one, "type")));
    all.filter(|(class, kind)| class.starts_with("org.apache.kafka.") && kind != "header_converter").collect()
}

fn by_name(all: Option<&Vec<Value>>) -> BTreeMap<&str, &Value> {
    all.into_iter().flatten().filter_map(|one| Some((one["name"].as_str()?, one))).collect()
}

/// Every option of Kafka Connect is there, is documented where it is there, and is required of users where it is there.
fn same_definitions(theirs: Option<&Vec<Value>>, ours: Option<&Vec<Value>>) -> bool {
    let ours = by_name(ours);
    by_name(theirs).into_iter().filter(|(name, _)| !KAFKAS_OWN.contains(name)).all(|(name, theirs)| {
        ours.get(name).is_some_and(|ours| {
            let is_required_alike = ours["required"] == theirs["required"] || name == "file";
            is_required_alike && (theirs["documentation"] != "..." || ours["documentation"] == "...")
        })
    })
}

/// The same options are wrong, and those that were given are shown.
fn same_validation(theirs: &Value, ours: &Value) -> bool {
    let values = |body: &Value| -> BTreeMap<String, Value> {
        let all = body["configs"].as_array().into_iter().flatten().map(|one| one["value"].clone());
        all.filter_map(|value| Some((value["name"].as_str()?.to_owned(), value))).collect()
    };
    let wrong = |values: &BTreeMap<String, Value>| -> BTreeSet<String> {
        let is_wrong = |value: &Value| value["errors"].as_array().is_some_and(|errors| !errors.is_empty());
        values.iter().filter(|(_, value)| is_wrong(value)).map(|(name, _)| name.clone()).collect()
    };
    let (theirs_all, ours_all) = (values(theirs), values(ours));
    let given = ["name", "connector.class", "topics", "topic"];
    theirs["name"] == ours["name"]
        && (theirs["error_count"] == 0) == (ours["error_count"] == 0)
        && wrong(&ours_all).is_subset(&wrong(&theirs_all))
        && given.iter().all(|name| {
            let value = |all: &BTreeMap<String, Value>| all.get(*name).map(|value| value["value"].clone());
            value(&theirs_all) == value(&ours_all)
        })
}

/// A file is known by its path there, and by what it is here, with the path among what is stored; how far it was read is the
/// same. Kafka Connect distributed goes on showing a position that was forgotten, as null.
fn same_positions(theirs: &Value, ours: &Value) -> bool {
    let one = |one: &Value| {
        let path =
            [&one["partition"]["filename"], &one["offset"]["path"]].into_iter().find(|path| path.is_string());
        (path.cloned(), one["offset"]["position"].clone())
    };
    let there = |body: &Value| {
        let all = body["offsets"].as_array()?.iter().filter(|one| !one["offset"].is_null());
        Some(all.map(one).collect::<Vec<_>>())
    };
    theirs.get("message") == ours.get("message") && there(theirs) == there(ours)
}
