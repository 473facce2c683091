use regex::{Captures, Regex};

/// A regular expression as `java.util.regex` would be asked: the whole text, or its first part.
#[derive(Clone, Debug)]
pub(crate) struct JavaRegex {
    whole: Regex,
    part: Regex,
}

impl JavaRegex {
    /// Compiles it, or says what to write instead: what needs backtracking (look-around, back-references) is not there, so no
    /// topic's name can make it take for ever.
    pub(crate) fn new(pattern: &str) -> Result<Self, String> {
        // Java's look and references are named, for the engine's own words say only that it has none.
        let compile = |pattern: &str| {
            Regex::new(pattern).map_err(|why| {
                format!("not a regular expression that runs in linear time (no look-around, no back-references): {why}")
            })
        };
        Ok(JavaRegex { whole: compile(&format!(r"\A(?:{pattern})\z"))?, part: compile(pattern)? })
    }

    /// Java's `matches`.
    pub(crate) fn matches(&self, text: &str) -> bool {
        self.whole.is_match(text)
    }

    /// Java's `replaceFirst`: `$1` and `${name}` are what the groups caught, a backslash takes the meaning of what follows.
    pub(crate) fn replace_first(&self, text: &str, replacement: &str) -> Result<String, String> {
        let Some(found) = self.part.captures(text) else { return Ok(text.to_owned()) };
        let mut replaced = text[..found.get_match().start()].to_owned();
        let mut rest = replacement;
        while let Some(at) = rest.find(['$', '\\']) {
            replaced.push_str(&rest[..at]);
            let escaped = rest[at..].starts_with('\\');
            rest = &rest[at + 1..];
            if escaped {
                let next = rest.chars().next().ok_or("the replacement ends in a backslash")?;
                replaced.push(next);
                rest = &rest[next.len_utf8()..];
            } else {
                rest = group(&self.part, &found, rest, &mut replaced)?;
            }
        }
        replaced.push_str(rest);
        replaced.push_str(&text[found.get_match().end()..]);
        Ok(replaced)
    }
}

/// What a group caught, and what follows its name in the replacement.
fn group<'a>(
    regex: &Regex,
    found: &Captures<'_>,
    reference: &'a str,
    replaced: &mut String,
) -> Result<&'a str, String> {
    if let Some(named) = reference.strip_prefix('{') {
        let (name, rest) = named.split_once('}').ok_or("the name of a group is not closed")?;
        if !regex.capture_names().flatten().any(|known| known == name) {
            return Err(format!("the regular expression has no group '{name}'"));
        }
        replaced.push_str(found.name(name).map_or("", |group| group.as_str()));
        return Ok(rest);
    }
    // As many digits as there are groups for.
    let digits = reference.bytes().take_while(u8::is_ascii_digit).count();
    let numbered = (1..=digits).rev().find_map(|count| {
        let number: usize = reference[..count].parse().ok()?;
        (number < found.len() || count == 1).then_some((number, count))
    });
    let (number, count) = numbered.ok_or("a $ in the replacement is followed by no group: write \\$")?;
    if number >= found.len() {
        return Err(format!("the regular expression has no group {number}"));
    }
    replaced.push_str(found.get(number).map_or("", |group| group.as_str()));
    Ok(&reference[count..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replacements_are_javas() {
        let regex = JavaRegex::new("(a)(?<rest>.*)").unwrap();
        for (replacement, expected) in [
            ("$2$1", Ok("bca")),
            ("${rest}", Ok("bc")),
            ("\\$1", Ok("$1")),
            ("$12", Ok("a2")),
            ("x", Ok("x")),
            ("$", Err(())),
            ("$3", Err(())),
            ("${no}", Err(())),
            ("\\", Err(())),
        ] {
            let replaced = regex.replace_first("abc", replacement);
            assert_eq!(replaced.as_deref().map_err(|_| ()), expected, "{replacement}");
        }
    }

    #[test]
    fn the_whole_text_matches_and_its_first_part_is_replaced() {
        let regex = JavaRegex::new("foo|foobar").unwrap();
        assert!(regex.matches("foobar") && !regex.matches("foobarx"));
        assert_eq!(regex.replace_first("foobar", "x").as_deref(), Ok("xbar"));
        assert!(JavaRegex::new("(?=x)").is_err() && JavaRegex::new("(").is_err());
    }
}
