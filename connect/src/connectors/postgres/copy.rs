//! Rows as `COPY … FROM STDIN` takes them: text, tabs between the columns, a line a row.
//!
//! <https://www.postgresql.org/docs/15/sql-copy.html>

/// Appends a text to a row, so that it comes out as it is.
pub(super) fn escape(text: &str, out: &mut Vec<u8>) {
    for &byte in text.as_bytes() {
        let letter = match byte {
            b'\\' => b'\\',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            _ => {
                out.push(byte);
                continue;
            }
        };
        out.extend([b'\\', letter]);
    }
}

/// How a null is written.
pub(super) const NULL: &[u8] = b"\\N";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_a_column_or_a_row_is_escaped() {
        let mut out = Vec::new();
        escape("a\tb\\N\r\nü", &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "a\\tb\\\\N\\r\\nü");
    }
}
