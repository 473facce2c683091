//! The group coordinator: who is a member of which group, who has which assignment, and up to where each
//! group has read. `classic` and `offsets` decide, and know neither clock nor file; `coordinator` holds the
//! locks, the timer and the log.

mod aggregate;
mod classic;
mod error;
mod ids;
mod limits;
mod offsets;
mod subscription;
mod time;
