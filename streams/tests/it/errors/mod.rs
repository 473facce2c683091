//! What becomes of records that fail, and that a task goes on correctly after one.

mod broker;
mod flushes;
mod kafka;
mod policies;
mod random;
mod retries;
