//! Names and values as an option has them.

use crate::options::{Kind, OptionType};

/// `NAME=VALUE` with commas between them, in order; each name once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pairs(pub Vec<(String, String)>);

impl OptionType for Pairs {
    const KIND: Kind = Kind::List;

    fn parse(text: &str) -> Result<Self, String> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for pair in Vec::<String>::parse(text)? {
            let (name, value) = pair.split_once('=').ok_or_else(|| format!("{pair:?} is not NAME=VALUE"))?;
            let (name, value) = (name.trim(), value.trim());
            if !is_label(name) {
                return Err(format!("{name:?} is no label: letters, digits and _ are, no digit first"));
            }
            if pairs.iter().any(|(known, _)| known == name) {
                return Err(format!("{name} is given twice"));
            }
            pairs.push((name.to_owned(), value.to_owned()));
        }
        Ok(Self(pairs))
    }
}

/// Whether `name` is one that a label can have everywhere: letters, digits and `_`, no digit first.
pub(crate) fn is_label(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty() && name.chars().all(legal) && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// Whether `name` is one that a metric can have everywhere: as a label, or with colons.
pub(crate) fn is_metric(name: &str) -> bool {
    is_label(&name.replace(':', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_read_in_order_or_refused() {
        let pairs = Pairs::parse(" zone = eu, rack=a=b,empty=").unwrap();
        let expected = [("zone", "eu"), ("rack", "a=b"), ("empty", "")];
        assert_eq!(pairs.0, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(Pairs::parse("").unwrap(), Pairs::default());
        for text in ["zone", "=x", "1a=x", "a b=x", "a=1,a=2"] {
            assert!(Pairs::parse(text).is_err(), "{text}");
        }
    }
}
