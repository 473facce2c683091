use std::time::Duration;

/// When a windowed aggregation tells of a window (Kafka's `EmitStrategy`, and more).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Emit {
    /// Whenever it changes; with a cached store what it has become by the next commit.
    #[default]
    OnUpdate,
    /// Once, when it closes: when stream time reaches its end and the grace. Windows of one moment come by start, then by the
    /// bytes of the key, with the headers of the record that closed them. Kafka looks at most once a second whether windows
    /// have closed; here they are told of with the very record that closes them.
    ///
    /// After a restart, or on another instance, it goes on where the last commit was: a window is told of once more only if
    /// the task ended between telling of it and the commit.
    OnClose,
    /// As [`OnClose`](Self::OnClose), and when the input has been silent for so long on the wall clock: then the wall clock
    /// takes the place of stream time, windows close whose end and grace lie before it, and what comes later for them is late.
    /// After a start the first record must have come: what was missed meanwhile may be on its way.
    OnCloseOrSilence(Duration),
}

impl Emit {
    pub(crate) fn is_on_close(self) -> bool {
        !matches!(self, Self::OnUpdate)
    }

    pub(crate) fn silence(self) -> Option<Duration> {
        match self {
            Self::OnCloseOrSilence(silence) => Some(silence),
            Self::OnUpdate | Self::OnClose => None,
        }
    }
}
