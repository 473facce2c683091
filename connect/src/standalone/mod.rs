//! One worker that knows its connectors from files: `millstream connect run`.

mod cluster;
mod files;
mod lines;
mod once;
mod tap;
mod tree;
mod worker;

pub use cluster::cluster;
pub use files::{ConfigFileError, Pipeline};
pub use tap::tap;
pub use worker::{Standalone, StandaloneError, StandaloneParts};
