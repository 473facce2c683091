/// What a connector found when it looked at the other side before the first record: `doctor` prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What was looked at, as "table orders" or "index logs-*".
    pub what: String,
    /// What was found, and what to do where it is not well.
    pub said: String,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It is as it should be.
    Fine,
    /// It works, and will hurt one day.
    Warning,
    /// Records will not pass.
    Wrong,
}

impl Finding {
    /// It is as it should be.
    pub fn fine(what: impl Into<String>, said: impl Into<String>) -> Self {
        Self { severity: Severity::Fine, what: what.into(), said: said.into() }
    }

    /// It works, and will hurt one day.
    pub fn warning(what: impl Into<String>, said: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, what: what.into(), said: said.into() }
    }

    /// Records will not pass.
    pub fn wrong(what: impl Into<String>, said: impl Into<String>) -> Self {
        Self { severity: Severity::Wrong, what: what.into(), said: said.into() }
    }
}
