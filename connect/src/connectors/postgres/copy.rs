//! Rows as `COPY … FROM STDIN` takes them: text, tabs between the columns, a line a row.
//!
//! <https://www.postgresql.org/docs/15/sql-copy.html>

/// Appends a text to a row, so that it comes out as it is. `false`: there is a zero byte in it, which nothing escapes.
#[must_use]
pub(super) fn escape(text: &str, out: &mut Vec<u8>) -> bool {
    let mut rest = text.as_bytes();
    while let Some(at) = next_special(rest) {
        let letter = match rest[at] {
            b'\\' => b'\\',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            _ => return false,
        };
        out.extend_from_slice(&rest[..at]);
        out.extend([b'\\', letter]);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    true
}

fn next_special(bytes: &[u8]) -> Option<usize> {
    let first = memchr::memchr3(b'\\', b'\n', b'\t', bytes);
    // Whatever comes behind the first is of no interest yet.
    memchr::memchr2(b'\r', 0, &bytes[..first.unwrap_or(bytes.len())]).or(first)
}

/// How a null is written.
pub(super) const NULL: &[u8] = b"\\N";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_a_column_or_a_row_is_escaped() {
        let mut out = Vec::new();
        assert!(escape("a\tb\\N\r\nü", &mut out));
        assert_eq!(std::str::from_utf8(&out).unwrap(), "a\\tb\\\\N\\r\\nü");
        assert!(!escape("a\0\n", &mut out));
    }
}
