use std::path::PathBuf;
use std::time::Duration;

use super::{Choice, Kind, Secret};

/// A type that an option can have.
pub trait OptionType: Sized {
    /// What its text is.
    const KIND: Kind;
    /// What it can be, where these are few.
    const CHOICES: &'static [&'static str] = &[];
    /// Whether something must be said if there is no default.
    const REQUIRED: bool = true;

    /// Reads its text.
    ///
    /// # Errors
    /// What the text should have been.
    fn parse(text: &str) -> Result<Self, String>;

    /// What counts where nothing is said and there is no default. `None`: that is a fault.
    fn absent() -> Option<Self> {
        None
    }
}

impl<T: OptionType> OptionType for Option<T> {
    const KIND: Kind = T::KIND;
    const CHOICES: &'static [&'static str] = T::CHOICES;
    const REQUIRED: bool = false;

    fn parse(text: &str) -> Result<Self, String> {
        T::parse(text).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl<T: Choice> OptionType for T {
    const KIND: Kind = Kind::String;
    const CHOICES: &'static [&'static str] = T::NAMES;

    fn parse(text: &str) -> Result<Self, String> {
        T::from_name(text.trim()).ok_or_else(|| format!("must be one of: {}", T::NAMES.join(", ")))
    }
}

/// Blanks around it dropped, as Kafka does.
impl OptionType for String {
    const KIND: Kind = Kind::String;

    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.trim().to_owned())
    }
}

impl OptionType for PathBuf {
    const KIND: Kind = Kind::String;

    fn parse(text: &str) -> Result<Self, String> {
        Ok(Self::from(text))
    }
}

impl OptionType for Secret {
    const KIND: Kind = Kind::Password;

    fn parse(text: &str) -> Result<Self, String> {
        Ok(Self::new(text))
    }
}

/// Commas between texts, blanks around them dropped, as Kafka's lists.
impl OptionType for Vec<String> {
    const KIND: Kind = Kind::List;

    fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        Ok(if text.is_empty() {
            Self::new()
        } else {
            text.split(',').map(|one| one.trim().to_owned()).collect()
        })
    }
}

impl OptionType for bool {
    const KIND: Kind = Kind::Boolean;

    fn parse(text: &str) -> Result<Self, String> {
        match text.trim() {
            yes if yes.eq_ignore_ascii_case("true") => Ok(true),
            no if no.eq_ignore_ascii_case("false") => Ok(false),
            _ => Err("Expected value to be either true or false".to_owned()),
        }
    }
}

/// Milliseconds, or a number with a unit: `500ms`, `30s`, `5m`, `2h`, `7d`.
impl OptionType for Duration {
    const KIND: Kind = Kind::Long;

    fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let unit_ms = match unit.trim() {
            "" | "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err("must be milliseconds, or a number with ms, s, m, h or d".to_owned()),
        };
        let number: u64 = number.parse().map_err(|_| "Not a number of type LONG".to_owned())?;
        number.checked_mul(unit_ms).map(Self::from_millis).ok_or_else(|| "too long".to_owned())
    }
}

macro_rules! numbers {
    ($($type:ty => $kind:ident, $name:literal;)*) => {$(
        impl OptionType for $type {
            const KIND: Kind = Kind::$kind;

            fn parse(text: &str) -> Result<Self, String> {
                text.trim().parse().map_err(|_| concat!("Not a number of type ", $name).to_owned())
            }
        }
    )*};
}

numbers! {
    i16 => Short, "SHORT";
    i32 => Int, "INT";
    i64 => Long, "LONG";
    u16 => Int, "INT";
    u32 => Int, "INT";
    u64 => Long, "LONG";
    usize => Int, "INT";
    f64 => Double, "DOUBLE";
}
