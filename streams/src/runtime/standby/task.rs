use super::super::worker::ApplyError;
use super::{Follower, StandbyStore};
use crate::store::backend::KeyValueBackend;
use crate::store::error::StoreError;
use crate::task::{TaskId, TaskStores};

/// The stores of a task that runs elsewhere.
pub(crate) struct StandbyTask {
    id: TaskId,
    stores: TaskStores,
    /// One for each store that has a changelog.
    followers: Vec<Follower>,
}

impl StandbyTask {
    pub(crate) fn new(id: TaskId, stores: TaskStores, followers: Vec<Follower>) -> Self {
        Self { id, stores, followers }
    }

    /// The task whose state it keeps.
    pub(crate) fn id(&self) -> TaskId {
        self.id
    }

    /// Its stores by their typed names, for queries: as far as the changelogs have been written.
    pub(crate) fn stores(&self) -> &TaskStores {
        &self.stores
    }

    /// How far each store that has a changelog has come, `now` (ms).
    pub(crate) fn status(&self, now: i64) -> impl Iterator<Item = StandbyStore> {
        self.followers.iter().map(move |follower| follower.status(self.id, now))
    }

    pub(crate) fn followers(&mut self) -> &mut [Follower] {
        &mut self.followers
    }

    /// Writes the first fetched range of one of its stores; `false`: there is none.
    pub(crate) fn write(&mut self, now: i64) -> Result<bool, (usize, ApplyError)> {
        let ready = self.followers.iter().position(Follower::is_ready);
        let Some(index) = ready else { return Ok(false) };
        let follower = &mut self.followers[index];
        let name = follower.store.clone();
        let mut written = Ok(());
        self.stores.with_backend(&name, |backend| written = follower.write(backend, now));
        written.map_err(|error| (index, error))?;
        Ok(true)
    }

    /// Puts everything written so far on disk.
    pub(crate) fn flush(&mut self) -> Result<(), StoreError> {
        let mut flushed = Ok(());
        for follower in &self.followers {
            let flush = |backend: &mut dyn KeyValueBackend| {
                if flushed.is_ok() {
                    flushed = backend.flush();
                }
            };
            self.stores.with_backend(&follower.store, flush);
        }
        flushed
    }

    /// Ends it and leaves the bytes of its stores, still open.
    pub(crate) fn into_backends(self) -> Vec<Box<dyn KeyValueBackend>> {
        self.stores.into_backends()
    }
}
