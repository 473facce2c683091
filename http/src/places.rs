//! The places of a server: who has one and nothing to say for it gives it up to who comes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// The connections that no request is being answered of. A lock of the standard library: it is held for a look-up and never across
/// an await.
#[derive(Debug, Default)]
pub struct Places {
    silent: Mutex<Silent>,
}

#[derive(Debug, Default)]
struct Silent {
    /// In the order in which they fell silent.
    places: BTreeMap<u64, (Instant, Arc<Notify>)>,
    next: u64,
}

/// The place of a connection: shared by the connection, which ends when it is taken, and by its requests, for which it may not be.
#[derive(Debug)]
pub struct Place {
    all: Arc<Places>,
    /// Its number while it is silent; 0 while a request is answered.
    number: Mutex<u64>,
    taken: Arc<Notify>,
    spoken: Notify,
}

impl Places {
    fn lock(&self) -> MutexGuard<'_, Silent> {
        // What is in it is whole at every moment.
        self.silent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the place of whoever has been silent for longest, if that is longer than `patience`.
    pub fn take_one(&self, patience: Duration) -> bool {
        let mut silent = self.lock();
        let Some(first) = silent.places.first_entry() else { return false };
        if first.get().0.elapsed() < patience {
            return false;
        }
        first.remove().1.notify_one();
        true
    }
}

impl Place {
    /// A place for a connection that has yet to say something.
    #[must_use]
    pub fn new(all: &Arc<Places>) -> Arc<Self> {
        let place = Self {
            all: Arc::clone(all),
            number: Mutex::new(0),
            taken: Arc::default(),
            spoken: Notify::new(),
        };
        place.falls_silent();
        Arc::new(place)
    }

    fn number(&self) -> MutexGuard<'_, u64> {
        self.number.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request has come, or whatever else a connection is for. `false`: the place was taken just now, and nothing may be done for it any more.
    pub fn speaks(&self) -> bool {
        self.spoken.notify_one();
        let number = std::mem::take(&mut *self.number());
        self.all.lock().places.remove(&number).is_some()
    }

    /// The request is answered.
    pub fn falls_silent(&self) {
        let mut silent = self.all.lock();
        silent.next += 1;
        let number = silent.next;
        silent.places.insert(number, (Instant::now(), Arc::clone(&self.taken)));
        *self.number() = number;
    }

    /// Completes once a first request has come.
    pub async fn has_spoken(&self) {
        self.spoken.notified().await;
    }

    /// Completes when the place is taken.
    pub async fn taken(&self) {
        self.taken.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.speaks();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_place_of_the_longest_silence_is_taken_and_none_of_a_request() {
        let all = Arc::new(Places::default());
        let [first, second, third] = [(); 3].map(|()| Place::new(&all));
        assert!(!all.take_one(Duration::from_secs(60)), "they have not been silent for long");
        assert!(first.speaks());
        assert!(all.take_one(Duration::ZERO));
        second.taken().await;
        assert!(!second.speaks(), "what comes over it now is too late");
        first.falls_silent();
        drop(third);
        assert!(all.take_one(Duration::ZERO));
        first.taken().await;
        assert!(!all.take_one(Duration::ZERO), "nobody is left");
    }
}
