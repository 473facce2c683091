//! `KEY=VALUE` arguments.

use std::str::FromStr;

/// A configuration's name and value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) key: String,
    pub(crate) value: String,
}

impl FromStr for Pair {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((key, value)) if !key.is_empty() => {
                Ok(Self { key: key.to_owned(), value: value.to_owned() })
            }
            _ => Err(format!("`{text}` is not KEY=VALUE")),
        }
    }
}

/// One pair, or several as Kafka's tools take them: `a=1,b=[x,y],c=2`. A comma that no `KEY=` follows belongs to the
/// value, with or without the brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pairs(Vec<Pair>);

/// All pairs of repeated arguments.
pub(crate) fn flat(pairs: Vec<Pairs>) -> impl Iterator<Item = Pair> {
    pairs.into_iter().flat_map(|pairs| pairs.0)
}

impl FromStr for Pairs {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut pairs: Vec<Pair> = Vec::new();
        for part in text.split(',') {
            match (part.parse(), pairs.last_mut()) {
                (Ok(pair), _) => pairs.push(pair),
                (Err(_), Some(last)) => last.value = format!("{},{part}", last.value),
                (Err(error), None) => return Err(error),
            }
        }
        for Pair { value, .. } in &mut pairs {
            if let Some(list) = value.strip_prefix('[').and_then(|list| list.strip_suffix(']')) {
                *value = list.to_owned();
            }
        }
        Ok(Self(pairs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_equals_sign_divides() {
        let pair: Pair = "a.b=c=d".parse().unwrap();
        assert_eq!((pair.key.as_str(), pair.value.as_str()), ("a.b", "c=d"));
        assert_eq!("a.b".parse::<Pair>().unwrap_err(), "`a.b` is not KEY=VALUE");
        assert!("=c".parse::<Pair>().is_err());
    }

    #[test]
    fn several_pairs_and_lists_in_one_argument() {
        let pairs = |text: &str| -> Vec<(String, String)> {
            flat(vec![text.parse().unwrap()]).map(|pair| (pair.key, pair.value)).collect()
        };
        let lists = [("a".to_owned(), "x,y".to_owned()), ("b".to_owned(), "2".to_owned())];
        assert_eq!(pairs("a=[x,y],b=2"), lists);
        assert_eq!(pairs("a=x,y,b=2"), lists);
        assert_eq!(pairs("a="), [("a".to_owned(), String::new())]);
        assert!("a".parse::<Pairs>().is_err());
    }
}
