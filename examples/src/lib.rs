//! Programs to copy, and the parts of them that tests and benchmarks share.

pub mod word_count;
