//! Receive buffers that are used again: fresh memory costs a page fault every 4 KiB, half a second per GiB.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

/// Idle buffers kept per connection; more in flight than this is rare, and the rest goes back to the allocator.
const IDLE_MAX: usize = 4;
/// Frames below this come from the allocator, which reuses such sizes well itself.
const POOLED_MIN: usize = 32 << 10;
/// A buffer above this is not kept, so one huge answer does not stay for ever.
const POOLED_MAX: usize = 8 << 20;

/// Idle buffers of one connection, shared with the frames that will bring theirs back.
#[derive(Debug, Default)]
pub(super) struct Buffers(Mutex<Vec<Vec<u8>>>);

impl Buffers {
    /// An empty buffer for a frame that claims `len` bytes; it has room only when it was used before.
    pub(super) fn take(&self, len: usize) -> Vec<u8> {
        if len < POOLED_MIN {
            return Vec::new();
        }
        self.0.lock().pop().unwrap_or_default()
    }

    /// Freezes a filled buffer; its memory returns here when the last slice of it is dropped.
    pub(super) fn freeze(self: &Arc<Self>, buffer: Vec<u8>) -> Bytes {
        if buffer.len() < POOLED_MIN {
            return Bytes::from(buffer);
        }
        Bytes::from_owner(Lease { buffer, home: Arc::clone(self) })
    }

    fn put_back(&self, mut buffer: Vec<u8>) {
        if buffer.capacity() > POOLED_MAX {
            return;
        }
        buffer.clear();
        let mut idle = self.0.lock();
        if idle.len() < IDLE_MAX {
            idle.push(buffer);
        }
    }
}

struct Lease {
    buffer: Vec<u8>,
    home: Arc<Buffers>,
}

impl AsRef<[u8]> for Lease {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.home.put_back(std::mem::take(&mut self.buffer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_returns_with_its_last_slice() {
        let buffers = Arc::new(Buffers::default());
        let frame = buffers.freeze(vec![7; POOLED_MIN]);
        let slice = frame.slice(5..9);
        drop(frame);
        assert_eq!(buffers.take(POOLED_MIN).capacity(), 0, "still lent");
        drop(slice);
        assert!(buffers.take(POOLED_MIN).capacity() >= POOLED_MIN);
    }

    #[test]
    fn idle_buffers_are_bounded() {
        let buffers = Arc::new(Buffers::default());
        let frames: Vec<_> = (0..2 * IDLE_MAX).map(|_| buffers.freeze(vec![0; POOLED_MIN])).collect();
        drop(frames);
        assert_eq!(buffers.0.lock().len(), IDLE_MAX);
    }
}
