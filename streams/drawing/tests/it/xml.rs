//! A strict reader of the XML that the drawings use.

use std::collections::BTreeMap;

/// Reads the whole document, and counts the titles of groups of these classes.
pub(crate) fn titles(document: &str, classes: &[&str]) -> BTreeMap<String, usize> {
    let (mut open, mut titles): (Vec<(String, String)>, _) = (Vec::new(), BTreeMap::new());
    let mut rest = document;
    while let Some(begin) = rest.find('<') {
        let text = unescaped(&rest[..begin]);
        if let [.., (_, class), (tag, _)] = &open[..]
            && tag == "title"
            && classes.contains(&class.as_str())
        {
            *titles.entry(text).or_default() += 1;
        }
        let end = rest.find('>').expect("a tag ends");
        let tag = &rest[begin + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().expect("an open tag").0, name);
        } else if let Some(tag) = tag.strip_suffix('/') {
            element(tag);
            assert!(!open.is_empty());
        } else {
            open.push(element(tag));
        }
    }
    assert!(open.is_empty() && rest.trim().is_empty(), "{open:?}");
    titles
}

/// The name and the class of an element.
fn element(tag: &str) -> (String, String) {
    let (name, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
    assert!(name.bytes().all(|byte| byte.is_ascii_lowercase()), "{tag}");
    let mut class = String::new();
    while !rest.is_empty() {
        let (attribute, after) = rest.split_once("=\"").expect("an attribute has a value");
        let (value, after) = after.split_once('"').expect("a value ends");
        if attribute.trim() == "class" {
            class = unescaped(value);
        }
        rest = after;
    }
    (name.to_owned(), class)
}

fn unescaped(text: &str) -> String {
    let (mut plain, mut rest) = (String::new(), text);
    while let Some(at) = rest.find('&') {
        plain.push_str(&rest[..at]);
        let (entity, after) = rest[at + 1..].split_once(';').expect("an entity ends");
        plain.push(match entity {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            other => panic!("&{other};"),
        });
        rest = after;
    }
    plain + rest
}
