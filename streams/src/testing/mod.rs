#![doc = include_str!("guide.md")]

mod builder;
mod bus;
mod driver;
mod error;
mod input;
mod outlet;
mod output;
mod record;
mod store;
mod waiting;
mod widths;
mod window_store;

pub use builder::TestDriverBuilder;
pub use driver::TestDriver;
pub use error::TestError;
pub use input::TestInput;
pub use output::{Placed, TestOutput};
pub use record::record;
pub use store::{TestStore, TestableStore};
pub use window_store::TestWindowStore;
