use std::collections::BTreeMap;
use std::ops::Bound;

use super::{Definition, Fault, Kind, OptionType, Secret};

/// What a user says, by name.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    all: &'a BTreeMap<String, String>,
}

impl<'a> Given<'a> {
    /// What stands in a configuration.
    #[must_use]
    pub fn new(all: &'a BTreeMap<String, String>) -> Self {
        Self { all }
    }

    /// All that is said.
    #[must_use]
    pub fn all(&self) -> &'a BTreeMap<String, String> {
        self.all
    }

    /// What is said under this very name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.all.get(name).map(String::as_str)
    }

    /// What is said under names that begin so, without their beginning.
    #[must_use]
    pub fn below(&self, prefix: &str) -> BTreeMap<String, String> {
        let from = (Bound::Included(prefix), Bound::Unbounded);
        let range = self.all.range::<str, _>(from).take_while(|(name, _)| name.starts_with(prefix));
        range.map(|(name, value)| (name[prefix.len()..].to_owned(), value.clone())).collect()
    }

    /// Reads an option whose value must pass a check. `None` where it is wrong: why is among the faults.
    pub fn read_checked<T: OptionType>(
        &self,
        definition: &Definition,
        faults: &mut Vec<Fault>,
        check: impl Fn(&T) -> Result<(), String>,
    ) -> Option<T> {
        let said = self.said(definition).map_err(|fault| faults.push(fault)).ok()?;
        let Some(text) = said.or(definition.default) else {
            let absent = T::absent();
            if absent.is_none() {
                faults.push(Fault::missing(definition.name));
            }
            return absent;
        };
        let read = T::parse(text).and_then(|value| check(&value).map(|()| value));
        let shown = if definition.kind == Kind::Password { Secret::HIDDEN } else { text };
        read.map_err(|why| faults.push(Fault::invalid(definition.name, shown, &why))).ok()
    }

    /// What is said under any of the names of an option.
    fn said(&self, definition: &Definition) -> Result<Option<&'a str>, Fault> {
        let names = std::iter::once(definition.name).chain(definition.aliases.iter().copied());
        let mut said = names.filter_map(|name| Some((name, self.get(name)?)));
        let first = said.next();
        match (first, said.next()) {
            (Some((first, _)), Some((second, _))) => Err(Fault::new(
                definition.name,
                format!("{first} and {second} are the same option: leave one of them out"),
            )),
            (first, _) => Ok(first.map(|(_, text)| text)),
        }
    }
}
