//! The broker under test.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// Where to connect to, or nothing.
pub(crate) fn bootstrap() -> Option<String> {
    std::env::var("MILLSTREAM_PEER_BOOTSTRAP").ok()
}

/// A topic name that no other test, and no earlier run, has used.
pub(crate) fn unique(name: &str) -> String {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    format!("client-{name}-{nanos:x}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}
