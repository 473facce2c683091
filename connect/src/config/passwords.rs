//! Which options are passwords, and what of their texts is secret.

use super::address::{self, is_hidden};
use super::secrets::{has_reference, is_reference};
use crate::options::{Definition, Kind};

/// Words that tell a password in options that nobody has typed: those of clients, converters and other people's classes.
const TELLING: [&str; 5] = ["password", "secret", "sasl.jaas.config", "token", "credentials"];

/// Ports, codes and counts are shorter than this.
const TELLING_DIGITS: usize = 6;

/// Whether the value of this option is a password, by what is known of a connector's options.
pub(crate) fn is_password(known: &[Definition], name: &str) -> bool {
    match known.iter().find(|known| known.name == name || known.aliases.contains(&name)) {
        Some(definition) => definition.kind == Kind::Password,
        None => TELLING.iter().any(|word| name.to_ascii_lowercase().contains(word)),
    }
}

/// Whether the value of an option has a password in it that is written down as it is.
pub(crate) fn is_written(value: &str, is_password: bool) -> bool {
    if is_hidden(value, is_password) {
        return false;
    }
    let is_word = is_password && !value.is_empty() && !address::is_address(value) && !has_reference(value);
    is_word || !address::passwords(value).is_empty()
}

/// What is secret in the value of an option that is written down as it is: all of a password, and of an address that names a user
/// what stands behind the name.
pub(super) fn secrets_of(value: &str, is_password: bool) -> Vec<&str> {
    let mut secrets = Vec::new();
    if is_password && !is_reference(value) {
        secrets.push(value);
        // `… username="me" password="word";`
        let quoted = value.split("password=\"").skip(1).filter_map(|rest| rest.split('"').next());
        secrets.extend(quoted);
    }
    let in_addresses = address::passwords(value).into_iter().filter(|one| {
        // Whoever is called as the word is has none.
        let user = value[..one.at.start].trim_end_matches(':').rsplit('/').next();
        user != Some(&value[one.at.clone()])
    });
    secrets.extend(in_addresses.map(|one| &value[one.at]));
    // A small number or a word that is everywhere would hide what people must see.
    let is_small = |text: &str| text.len() < TELLING_DIGITS && text.parse::<f64>().is_ok();
    secrets.retain(|text| !matches!(*text, "true" | "false") && !is_small(text));
    secrets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_down_as_it_is() {
        for value in [
            "word",
            "user=\"me\" password=\"word\";",
            "postgres://me:word@h/db",
            "jdbc:sqlserver://h:1433;user=me;password=word",
        ] {
            assert!(is_written(value, true), "{value}");
        }
        for value in [
            "",
            "${env:WORD}",
            "postgres://h/db",
            "jdbc:sqlite:test.db",
            "jdbc:mysql://h/db",
            "user=\"me\" password=\"${env:WORD}\";",
            "postgres://me:${env:WORD}@h",
        ] {
            assert!(!is_written(value, true), "{value}");
        }
        assert!(!is_written("word", false) && is_written("http://me:word@h", false));
    }

    #[test]
    fn what_is_secret_in_a_value() {
        let jaas = "Plain required username=\"me\" password=\"word\";";
        assert_eq!(secrets_of(jaas, true), [jaas, "word"]);
        assert_eq!(secrets_of("postgres://me:w:ord@host:1/x", false), ["w:ord"]);
        assert_eq!(secrets_of("http://host:1/a:b@c", false), [""; 0]);
        assert_eq!(secrets_of("postgres://me:w/o?r#d@host:1/x@y", false), ["w/o?r#d"]);
        assert_eq!(secrets_of("12345678", true), ["12345678"]);
        for everywhere in ["true", "9092", "0.5"] {
            assert_eq!(secrets_of(everywhere, true), [""; 0]);
        }
        assert_eq!(secrets_of("${env:WORD}", true), [""; 0]);
    }
}
