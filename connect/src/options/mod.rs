//! What can be said to a connector, a converter or a transform: a struct, from which its validation, its documentation and the
//! form of the REST API follow.
//!
//! ```
//! use std::collections::BTreeMap;
//! use std::time::Duration;
//! use millstream_connect::options::{Choice, Given, Options};
//!
//! #[derive(Options, Clone, Debug)]
//! struct Lamp {
//!     /// Who may switch it.
//!     owner: String,
//!     /// How bright it is, in percent.
//!     #[option(name = "light.percent", default = 80, range = 1..=100, alias = "light")]
//!     percent: u32,
//!     /// What it does when nobody is there.
//!     #[option(default = "off", importance = "low")]
//!     idle: Idle,
//!     /// After how long nobody is there. It waits for ever without.
//!     #[option(name = "idle.after.ms")]
//!     idle_after: Option<Duration>,
//! }
//!
//! #[derive(Choice, Clone, Copy, Debug, PartialEq)]
//! enum Idle { Off, Dimmed }
//!
//! let given = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect::<BTreeMap<_, _>>();
//! let lamp = Lamp::read(&Given::new(&given(&[("owner", "me"), ("light", "20")]))).unwrap();
//! assert_eq!((lamp.percent, lamp.idle, lamp.idle_after), (20, Idle::Off, None));
//!
//! let faults = Lamp::read(&Given::new(&given(&[("light.percent", "101"), ("idle", "on")]))).unwrap_err();
//! let said: Vec<String> = faults.iter().map(ToString::to_string).collect();
//! assert_eq!(said, [
//!     "Missing required configuration \"owner\" which has no default value.",
//!     "Invalid value 101 for configuration light.percent: must be in 1..=100",
//!     "Invalid value on for configuration idle: must be one of: off, dimmed",
//! ]);
//! ```

mod definition;
mod fault;
mod given;
mod kinds;
mod secret;
mod unknown;

pub use definition::{Definition, Importance, Kind};
pub use fault::Fault;
pub use given::Given;
pub use kinds::OptionType;
pub use millstream_connect_derive::{Choice, Options};
pub use secret::Secret;
pub use unknown::unknown;
pub(crate) use unknown::unknown_beside;

/// A struct of options. Derive it: the module has the example, `#[option(…)]` on a field takes
///
/// - `name = "a.b"`: the name that users write; the field's own with dots for underscores without
/// - `alias = "x"`, as often as needed: other names, as those of Kafka's connectors
/// - `default = …`: a text, number or truth; an option without one is required unless its type is `Option`
/// - `importance = "high"`, `"medium"` (the default) or `"low"`, `group = "…"`: for forms
/// - `range = 1..=100`: what a number must be in
/// - `check = path`: a `fn(&T) -> Result<(), String>` that says what is wrong with a value
/// - `flatten`: the field is a struct of options itself, whose names are taken over
///
/// and `#[options(check = path)]` on the struct a `fn(&Self) -> Result<(), Fault>` for what concerns several.
pub trait Options: Sized + Clone + Send + Sync + 'static {
    /// What can be said, in the order of the fields.
    fn definitions() -> Vec<Definition>;

    /// Reads what is given. Names that it does not know are not its matter: see [`unknown`].
    ///
    /// # Errors
    /// All that is missing or wrong, in the order of the fields.
    fn read(given: &Given<'_>) -> Result<Self, Vec<Fault>>;
}

/// Nothing can be said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoOptions;

impl Options for NoOptions {
    fn definitions() -> Vec<Definition> {
        Vec::new()
    }

    fn read(_: &Given<'_>) -> Result<Self, Vec<Fault>> {
        Ok(Self)
    }
}

/// An enum of unit variants that an option can be. Derive it: a variant is written in lower case with `-` between words, or as
/// `#[choice("first", "another")]` says, the first being the name that is shown; case does not count.
pub trait Choice: Sized + Clone + Send + Sync + 'static {
    /// The names that are shown.
    const NAMES: &'static [&'static str];

    /// The variant of a name. `None`: there is none.
    fn from_name(name: &str) -> Option<Self>;
}
