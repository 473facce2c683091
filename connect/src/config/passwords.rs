//! Which options are passwords, and what of their texts is secret.

use super::secrets::is_reference;
use crate::options::{Definition, Kind};

/// Words that tell a password in options that nobody has typed: those of clients, converters and other people's classes.
const TELLING: [&str; 5] = ["password", "secret", "sasl.jaas.config", "token", "credentials"];

/// Whether the value of this option is a password, by what is known of a connector's options.
pub(crate) fn is_password(known: &[Definition], name: &str) -> bool {
    match known.iter().find(|known| known.name == name || known.aliases.contains(&name)) {
        Some(definition) => definition.kind == Kind::Password,
        None => TELLING.iter().any(|word| name.to_ascii_lowercase().contains(word)),
    }
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
    for rest in value.split("://").skip(1) {
        let authority = rest.split(['/', '?', '#', ',']).next().unwrap_or_default();
        let user = authority.rsplit_once('@').and_then(|(user, _)| user.split_once(':'));
        // Whoever is called as the word is has none.
        secrets.extend(user.filter(|(user, word)| user != word).map(|(_, word)| word));
    }
    // A number or a word that is everywhere would hide what people must see.
    secrets.retain(|text| !matches!(*text, "true" | "false") && text.parse::<f64>().is_err());
    secrets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_secret_in_a_value() {
        let jaas = "Plain required username=\"me\" password=\"word\";";
        assert_eq!(secrets_of(jaas, true), [jaas, "word"]);
        assert_eq!(secrets_of("postgres://me:w:ord@host:1/x", false), ["w:ord"]);
        assert_eq!(secrets_of("http://host:1/a:b@c", false), [""; 0]);
        assert_eq!(secrets_of("true", true), [""; 0]);
        assert_eq!(secrets_of("${env:WORD}", true), [""; 0]);
    }
}
