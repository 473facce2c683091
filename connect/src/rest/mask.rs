//! What is typed as a password is not shown, nor is one within an address. References to secrets are shown as they are written.

use super::catalog::Catalog;
use crate::config::{hidden, is_hidden, is_password, is_reference, restored};
use crate::herder::Config;
use crate::options::{Definition, Secret};
use crate::runtime::all_of;

impl Catalog {
    /// The configuration as it may be shown.
    pub(super) fn masked(&self, config: &Config) -> Config {
        let known = self.options_of(config);
        let shown = |(name, value): (&String, &String)| {
            let hide = !is_reference(value) && is_password(&known, name);
            (name.clone(), if hide { Secret::HIDDEN.to_owned() } else { hidden(value) })
        };
        config.iter().map(shown).collect()
    }

    fn options_of(&self, config: &Config) -> Vec<Definition> {
        let plugin = config.get("connector.class").and_then(|class| self.connector(class));
        plugin.map(all_of).unwrap_or_default()
    }

    /// A configuration that was read here, changed and written back: what was hidden is as it was.
    pub(super) fn unmasked(&self, mut config: Config, before: Option<&Config>) -> Config {
        let known = self.options_of(&config);
        for (name, value) in &mut config {
            if let Some(kept) = before.and_then(|before| before.get(name))
                && is_hidden(value, is_password(&known, name))
            {
                *value = if value == Secret::HIDDEN { kept.clone() } else { restored(value, kept) };
            }
        }
        config
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Registry;
    use std::sync::Arc;

    #[test]
    fn passwords_are_hidden_and_come_back_as_they_were() {
        let catalog = Catalog::new(Arc::new(Registry::empty()), |_| Vec::new());
        let config = Config::from([
            ("topic".into(), "a".into()),
            ("db.password".into(), "geheim".into()),
            ("url".into(), "http://me:geheim@host/path".into()),
            ("other.password".into(), "${file:/run/secrets:word}".into()),
            ("producer.override.sasl.jaas.config".into(), "x password=\"geheim\";".into()),
        ]);
        let masked = catalog.masked(&config);
        assert!(!format!("{masked:?}").contains("geheim"));
        assert_eq!(masked["other.password"], "${file:/run/secrets:word}");
        assert_eq!(catalog.unmasked(masked, Some(&config)), config);

        // What is no password may be called so.
        let replacement = |text: &str| Config::from([("transforms.mask.replacement".into(), text.into())]);
        let changed = catalog.unmasked(replacement("[hidden]"), Some(&replacement("x")));
        assert_eq!(changed, replacement("[hidden]"));
    }
}
