//! A macro that states a table of names once: the typed struct, its reader and the definitions.

use crate::config::ConfigError;
use crate::config::definition::{Definition, Kind, split_list};

/// A Rust type that a configuration value reads as.
pub(crate) trait Value: Sized {
    const KIND: Kind;
    /// Reads a text that passed its definition's check; `None` where it is not of this type.
    fn read(text: &str) -> Option<Self>;
}

impl Value for bool {
    const KIND: Kind = Kind::Boolean;
    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Value for i32 {
    const KIND: Kind = Kind::Int;
    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Value for i64 {
    const KIND: Kind = Kind::Long;
    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Value for f64 {
    const KIND: Kind = Kind::Double;
    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Value for String {
    const KIND: Kind = Kind::String;
    fn read(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

impl Value for Vec<String> {
    const KIND: Kind = Kind::List;
    fn read(text: &str) -> Option<Self> {
        Some(split_list(text).map(str::to_owned).collect())
    }
}

/// Checks `text` against its definition and reads it.
pub(crate) fn read<V: Value>(definition: &Definition, text: &str) -> Result<V, ConfigError> {
    definition.check(text)?;
    V::read(text).ok_or_else(|| definition.invalid(text, format!("not of type {:?}", definition.kind)))
}

/// `field: type = "name", Some("default"), rule, dynamic;` under a doc comment, for each name.
///
/// Makes a struct with a field for each row, `DEFINITIONS`
/// in the same order, and `from_lookup`, which reads the struct from a function that finds given values.
macro_rules! settings {
    ($(#[$meta:meta])* $vis:vis struct $Name:ident / $TABLE:ident {
        $( #[doc = $doc:literal] $field:ident : $ty:ty = $key:literal, $default:literal, $rule:expr, $dynamic:literal; )*
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone)]
        $vis struct $Name { $( #[doc = $doc] $vis $field: $ty, )* }

        /// The names that have an effect, in the order in which they are documented.
        $vis static $TABLE: &[$crate::config::definition::Definition] = &[ $(
            $crate::config::definition::Definition {
                name: $key,
                kind: <$ty as $crate::config::table::Value>::KIND,
                default: Some($default),
                rule: $rule,
                dynamic: $dynamic,
                doc: $doc,
            },
        )* ];

        impl $Name {
            /// Reads every field by its Kafka name; names that `lookup` does not find take their defaults.
            $vis fn from_lookup<'a>(
                lookup: impl Fn(&str) -> Option<&'a str>,
            ) -> Result<Self, $crate::config::ConfigError> {
                let mut rows = $TABLE.iter();
                $(
                    let $field = match rows.next() {
                        Some(row) => $crate::config::table::read(row, lookup($key).unwrap_or($default))?,
                        None => unreachable!("the table has a row for each field"),
                    };
                )*
                Ok(Self { $($field,)* })
            }
        }
    };
}
pub(crate) use settings;
