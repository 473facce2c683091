//! Configuration by Kafka's names, in three classes: effective, known but without meaning here, unknown.

mod client;
mod inert;
pub(crate) mod parse;

pub(crate) use client::COMMON;
pub use client::ClientConfig;
pub(crate) use client::{set, split_address};

use crate::error::ConfigError;

/// One effective setting: its name in Kafka and how a text becomes a value.
pub(crate) struct Key<C: 'static> {
    pub(crate) name: &'static str,
    pub(crate) set: fn(&mut C, &str) -> Result<(), String>,
}

/// A configuration that is built of [`Key`]s on top of the settings every client shares.
pub(crate) trait Configured: Sized + 'static {
    /// The settings that only this kind of client has.
    const KEYS: &'static [Key<Self>];

    /// The settings that every client has.
    fn client(&mut self) -> &mut ClientConfig;

    /// Sets `name` to `value`; a name that means nothing here is accepted with a warning.
    fn apply(&mut self, name: &str, value: &str) -> Result<(), ConfigError> {
        let invalid =
            |reason| ConfigError::Invalid { name: name.to_owned(), value: value.to_owned(), reason };
        if let Some(key) = Self::KEYS.iter().find(|key| key.name == name) {
            return (key.set)(self, value).map_err(invalid);
        }
        if let Some(key) = COMMON.iter().find(|key| key.name == name) {
            return (key.set)(self.client(), value).map_err(invalid);
        }
        if inert::is_inert(name) {
            tracing::warn!(name, value, "this configuration is known but has no effect in this client");
            return Ok(());
        }
        if inert::of_clients().any(|known| known == name) {
            tracing::debug!(name, value, "this configuration is for another kind of client");
            return Ok(());
        }
        Err(ConfigError::Unknown { name: name.to_owned(), nearest: nearest::<Self>(name).to_owned() })
    }
}

fn nearest<C: Configured>(name: &str) -> &'static str {
    let own = C::KEYS.iter().map(|key| key.name);
    let common = COMMON.iter().map(|key| key.name);
    own.chain(common)
        .chain(inert::of_clients())
        .chain(inert::NAMES.iter().copied())
        .min_by_key(|known| strsim::damerau_levenshtein(known, name))
        .unwrap_or("bootstrap.servers")
}

#[cfg(test)]
mod tests;
