use std::fmt;

/// What is wrong with an option, in the words of Kafka's `ConfigException`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The name of the option.
    pub option: String,
    /// What is wrong, the name included. Never holds a secret.
    pub message: String,
}

impl Fault {
    /// What is wrong with an option in words that name it.
    pub fn new(option: impl Into<String>, message: impl Into<String>) -> Self {
        Self { option: option.into(), message: message.into() }
    }

    /// Nothing is said where something must be.
    #[must_use]
    pub fn missing(option: &str) -> Self {
        let message = format!("Missing required configuration \"{option}\" which has no default value.");
        Self::new(option, message)
    }

    /// What is said cannot be; `why` says what can.
    #[must_use]
    pub fn invalid(option: &str, value: &str, why: &str) -> Self {
        Self::new(option, format!("Invalid value {value} for configuration {option}: {why}"))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
