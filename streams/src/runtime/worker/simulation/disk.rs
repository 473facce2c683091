use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use crate::store::backend::{Checkpoint, Direction, KeyRange, KeyValueBackend, Position, Visit};
use crate::store::error::StoreError;
use crate::store::memory::MemoryBackend;
use crate::task::TaskId;

/// The state directory of one process: what a crash leaves.
#[derive(Default)]
pub(super) struct Disk(RefCell<HashMap<TaskId, SharedImage>>);

type SharedImage = Arc<Mutex<Image>>;

/// One store: what is written, and what of it is on disk.
#[derive(Default)]
struct Image {
    live: MemoryBackend,
    durable: Content,
}

#[derive(Default, Clone)]
struct Content {
    entries: Vec<(Vec<u8>, Vec<u8>)>,
    position: Option<Checkpoint>,
}

impl Image {
    fn sync(&mut self) {
        let mut entries = Vec::new();
        let all = (std::ops::Bound::Unbounded, std::ops::Bound::Unbounded);
        let kept = self.live.scan(all, Direction::Forward, &mut |key, value| {
            entries.push((key.to_vec(), value.to_vec()));
            ControlFlow::Continue(())
        });
        kept.unwrap();
        self.durable = Content { entries, position: self.live.position() };
    }

    fn reset(&mut self) {
        self.live = MemoryBackend::new();
        for (key, value) in &self.durable.entries {
            self.live.stage(key, Some(value));
        }
        let position = self.durable.position.map_or(Position::Unchanged, Position::At);
        self.live.write(position).unwrap();
    }
}

impl Disk {
    pub(super) fn open(&self, task: TaskId) -> Box<dyn KeyValueBackend> {
        let image = Arc::clone(self.0.borrow_mut().entry(task).or_default());
        image.lock().unwrap().reset();
        Box::new(SimStore(image))
    }

    /// What RocksDB does whenever it likes: everything written so far goes to disk, as of one moment.
    pub(super) fn sync(&self) {
        self.0.borrow().values().for_each(|image| image.lock().unwrap().sync());
    }
}

struct SimStore(SharedImage);

impl KeyValueBackend for SimStore {
    fn get(&self, key: &[u8], value: &mut Vec<u8>) -> Result<bool, StoreError> {
        self.0.lock().unwrap().live.get(key, value)
    }

    fn stage(&mut self, key: &[u8], value: Option<&[u8]>) {
        self.0.lock().unwrap().live.stage(key, value);
    }

    fn write(&mut self, position: Position) -> Result<(), StoreError> {
        self.0.lock().unwrap().live.write(position)
    }

    fn position(&self) -> Option<Checkpoint> {
        self.0.lock().unwrap().live.position()
    }

    fn scan(&self, range: KeyRange<'_>, direction: Direction, visit: Visit<'_>) -> Result<(), StoreError> {
        self.0.lock().unwrap().live.scan(range, direction, visit)
    }

    fn approximate_len(&self) -> u64 {
        self.0.lock().unwrap().live.approximate_len()
    }

    fn clear(&mut self) -> Result<(), StoreError> {
        self.0.lock().unwrap().live.clear()
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.0.lock().unwrap().sync();
        Ok(())
    }
}
