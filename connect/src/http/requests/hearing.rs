use crate::TaskError;

/// What a server was heard to say of what it was sent: of operations, or only that it takes nothing.
#[derive(Default)]
pub(crate) struct Hearing {
    /// Whether it said anything of an operation itself.
    is_heard: bool,
    /// What was said first of the server, for which no operation is to blame.
    away: Option<TaskError>,
}

impl Hearing {
    /// It said something of an operation.
    pub(crate) fn hear(&mut self) {
        self.is_heard = true;
    }

    /// It took nothing, which ended the tries of an operation.
    pub(crate) fn miss(&mut self, away: impl FnOnce() -> TaskError) {
        self.away.get_or_insert_with(away);
    }

    /// What to say of the server, if nothing was heard but that it takes nothing. Once all is known.
    pub(crate) fn away(&mut self) -> Option<TaskError> {
        self.away.take().filter(|_| !self.is_heard)
    }
}
