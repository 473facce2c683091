//! Headers of requests, as an option has them.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use crate::options::Secret;

/// What is wrong with the text of an option.
pub(super) fn check(text: &Secret) -> Result<(), String> {
    parse(text.expose()).map(drop)
}

/// `Name: value`, with `|` between several.
pub(super) fn parse(text: &str) -> Result<HeaderMap, String> {
    let lines = text.split('|').map(str::trim).filter(|line| !line.is_empty());
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((HeaderName::try_from(name.trim()).ok()?, HeaderValue::try_from(value.trim()).ok()?))
    };
    lines.map(|line| header(line).ok_or("a header is written as Name: value".to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_are_divided_by_bars() {
        let headers = parse("X-Key: a:b | Accept: text/plain,text/html").unwrap();
        assert_eq!(
            (&headers["x-key"], &headers["accept"]),
            (&HeaderValue::from_static("a:b"), &HeaderValue::from_static("text/plain,text/html"))
        );
        assert!(parse(" ").unwrap().is_empty());
        for wrong in ["name", "na me: x", "x: a\u{1}"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
