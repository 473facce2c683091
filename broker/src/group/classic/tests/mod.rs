//! The classic group, behaviour by behaviour. What is pinned here is pinned by Kafka's
//! `GroupMetadataManagerTest` and `ClassicGroupTest`.

mod bench;
mod bounds;
mod join;
mod leave;
mod static_members;
mod sync;
mod timeouts;

use self::bench::{Bench, REBALANCE_TIMEOUT, SESSION_TIMEOUT};
