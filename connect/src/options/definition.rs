/// An option, as `/connector-plugins/…/config` shows it (Kafka's `ConfigDef.ConfigKey`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// As users write it.
    pub name: &'static str,
    /// Other names that are taken.
    pub aliases: &'static [&'static str],
    /// What its text is.
    pub kind: Kind,
    /// What counts where nothing is said, as text.
    pub default: Option<&'static str>,
    /// Whether something must be said.
    pub required: bool,
    /// For the order of forms.
    pub importance: Importance,
    /// The doc comment of the field.
    pub documentation: &'static str,
    /// The heading under which forms show it.
    pub group: &'static str,
    /// What it can be, where these are few.
    pub choices: &'static [&'static str],
}

impl Definition {
    /// The default as it may be shown: that of a password is not.
    #[must_use]
    pub fn shown_default(&self) -> Option<&'static str> {
        self.default.filter(|_| self.kind != Kind::Password)
    }
}

/// What the text of an option is (Kafka's `ConfigDef.Type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Boolean,
    /// Any text.
    String,
    /// A number of 32 bits.
    Int,
    /// A number of 16 bits.
    Short,
    /// A number of 64 bits.
    Long,
    /// A number with a fraction.
    Double,
    /// Texts with commas between them.
    List,
    /// The name of a converter, transform or predicate.
    Class,
    /// A text that is never shown.
    Password,
}

impl Kind {
    /// As Kafka Connect's REST API says it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Boolean => "BOOLEAN",
            Self::String => "STRING",
            Self::Int => "INT",
            Self::Short => "SHORT",
            Self::Long => "LONG",
            Self::Double => "DOUBLE",
            Self::List => "LIST",
            Self::Class => "CLASS",
            Self::Password => "PASSWORD",
        }
    }
}

/// How soon a user should meet an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Importance {
    /// Nobody gets by without.
    High,
    /// Many set it.
    Medium,
    /// Few need it.
    Low,
}

impl Importance {
    /// As Kafka Connect's REST API says it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::High => "HIGH",
            Self::Medium => "MEDIUM",
            Self::Low => "LOW",
        }
    }
}
