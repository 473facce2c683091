//! Java properties files, as far as server.properties uses them: `name=value`, comments, continued lines.

use crate::config::ConfigError;

/// The names and values of a properties text, in its order.
pub(crate) fn parse_properties(text: &str) -> Result<Vec<(String, String)>, ConfigError> {
    let mut entries = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', '!']) {
            continue;
        }
        let mut entry = line.to_owned();
        while entry.ends_with('\\') {
            entry.pop();
            let Some((_, next)) = lines.next() else { break };
            entry.push_str(next.trim());
        }
        entries.push(split_entry(&entry, index + 1)?);
    }
    Ok(entries)
}

/// Splits at the first `=` or `:`, as Java does.
fn split_entry(entry: &str, line: usize) -> Result<(String, String), ConfigError> {
    let (name, value) =
        entry.split_once(['=', ':']).ok_or_else(|| ConfigError::Syntax { line, text: entry.to_owned() })?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_blank_lines_are_skipped_and_long_lines_go_on() {
        let text = "# a comment\n\nnode.id = 3\nlisteners=PLAINTEXT://:9092\nlog.cleanup.policy=compact,\\\n  delete\n";
        let entries = parse_properties(text).unwrap();
        let want =
            [("node.id", "3"), ("listeners", "PLAINTEXT://:9092"), ("log.cleanup.policy", "compact,delete")];
        assert_eq!(entries, want.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn a_line_without_a_value_is_named() {
        let error = parse_properties("a=b\nnonsense\n").unwrap_err();
        assert_eq!(error, ConfigError::Syntax { line: 2, text: "nonsense".to_owned() });
    }
}
