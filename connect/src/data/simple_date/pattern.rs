/// A piece of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Text as it is.
    Text(String),
    /// A letter and how often it stands there.
    Field(char, usize),
}

impl Part {
    /// Whether it is read as digits.
    pub(super) fn is_numeric(&self) -> bool {
        match *self {
            Part::Text(_) => false,
            Part::Field('M' | 'L', count) => count <= 2,
            Part::Field(letter, _) => !"GEazZX".contains(letter),
        }
    }
}

const LETTERS: &str = "GyMLwWDdFEuaHkKhmsSzZXY";

pub(super) fn compile(pattern: &str) -> Result<Vec<Part>, String> {
    let mut parts: Vec<Part> = Vec::new();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\'' if chars.next_if_eq(&'\'').is_some() => push(&mut parts, '\''),
            '\'' => loop {
                match chars.next() {
                    None => return Err("a quote in the pattern is not closed".to_owned()),
                    Some('\'') if chars.next_if_eq(&'\'').is_none() => break,
                    Some(c) => push(&mut parts, c),
                }
            },
            c if c.is_ascii_alphabetic() => {
                let count = 1 + std::iter::from_fn(|| chars.next_if_eq(&c)).count();
                if !LETTERS.contains(c) {
                    return Err(format!(
                        "the letter '{c}' means nothing in a date pattern: put text in quotes"
                    ));
                }
                if c == 'X' && count > 3 {
                    return Err("at most three X say an offset".to_owned());
                }
                parts.push(Part::Field(c, count));
            }
            c => push(&mut parts, c),
        }
    }
    Ok(parts)
}

fn push(parts: &mut Vec<Part>, c: char) {
    match parts.last_mut() {
        Some(Part::Text(text)) => text.push(c),
        _ => parts.push(Part::Text(c.to_string())),
    }
}
