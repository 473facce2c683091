//! Java's properties files.

/// Pairs in the order of the file, as `java.util.Properties.load` reads them: `=`, `:` or a blank after the key, `#` and `!` for
/// comments, a backslash at the end of a line that goes on, `\t`, `\n`, `\uXXXX`.
#[must_use]
pub fn parse(text: &str) -> Vec<(String, String)> {
    lines(text).into_iter().map(|(_, pair)| pair).collect()
}

/// The same, each with the line that it begins in, from 1.
pub(crate) fn lines(text: &str) -> Vec<(usize, (String, String))> {
    let mut pairs = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((at, first)) = lines.next() {
        let first = first.trim_start();
        if first.is_empty() || first.starts_with(['#', '!']) {
            continue;
        }
        let mut line = first.to_owned();
        while goes_on(&line) {
            line.pop();
            line.push_str(lines.next().map_or("", |(_, more)| more).trim_start());
        }
        pairs.push((at + 1, pair(&line)));
    }
    pairs
}

/// Whether a line ends with a backslash that is not escaped itself.
fn goes_on(line: &str) -> bool {
    line.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}

fn pair(line: &str) -> (String, String) {
    let mut escaped = false;
    let ends_key = |c: char| {
        let ends = !escaped && (c == '=' || c == ':' || c.is_whitespace());
        escaped = c == '\\' && !escaped;
        ends
    };
    let (key, rest) = line.split_at(line.find(ends_key).unwrap_or(line.len()));
    let rest = rest.trim_start();
    let value = rest.strip_prefix(['=', ':']).map_or(rest, str::trim_start);
    (unescape(key), unescape(value))
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('t') => out.push('\t'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('f') => out.push('\u{c}'),
            Some('u') => {
                let digits: String = chars.by_ref().take(4).collect();
                let code = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32);
                out.push(code.unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            Some(other) => out.push(other),
            None => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_that_java_reads_is_read() {
        let text = "# comment\n! another\n\n a = b \nc:d\ne f\ng\nlong = 1,\\\n   2,\\\n   3\nw\\ x\\=y=z\\u00e9\\n\nend=x\\\\\nlast==\n";
        let pairs = parse(text);
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let expected = [
            ("a", "b "),
            ("c", "d"),
            ("e", "f"),
            ("g", ""),
            ("long", "1,2,3"),
            ("w x=y", "zé\n"),
            ("end", "x\\"),
            ("last", "="),
        ];
        assert_eq!(pairs, expected);
    }
}
