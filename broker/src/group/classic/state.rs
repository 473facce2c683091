//! The states of a classic group.
//!
//! ```text
//!            join                 all joined, or time is up          the leader's sync is stored
//!   Empty ─────────▶ PreparingRebalance ─────────▶ CompletingRebalance ─────────▶ Stable
//!     ▲                │  ▲    ▲                            │                        │
//!     └── none joined ─┘  │    └── join, leave, expiry ─────┘                        │
//!                         └────────────── join, leave, expiry ──────────────────────┘
//! ```
//! Dead is left by nobody: the group was deleted or expired.

use crate::group::time::Millis;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// No members; perhaps offsets.
    Empty,
    /// Members join; nobody is answered yet.
    PreparingRebalance(JoinPhase),
    /// The generation is known, its assignment is not.
    CompletingRebalance,
    /// The assignment of the generation is stored.
    Stable,
    /// Removed. Whoever still holds it must look the group up again.
    Dead,
}

/// How long members are waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JoinPhase {
    /// The first members of an empty group: wait a little for those that start together with them, and longer
    /// while more arrive, so that a fleet coming up is assigned once (KIP-134).
    Initial {
        ends_at: Millis,
        /// Length of this delay.
        delay: Millis,
        /// What is left of the rebalance time-out after this delay.
        remaining: Millis,
        /// A member came since the delay began.
        member_added: bool,
    },
    /// Until all members have joined again, or the longest rebalance time-out has passed.
    Rejoin { ends_at: Millis },
}

impl State {
    /// The name that ListGroups and DescribeGroups show.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance(_) => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
            Self::Dead => "Dead",
        }
    }

    /// Whether a change of membership starts a new rebalance, rather than falling into a running one.
    pub(super) fn can_rebalance(self) -> bool {
        matches!(self, Self::Empty | Self::CompletingRebalance | Self::Stable)
    }
}
