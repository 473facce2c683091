//! Testing a topology without a broker: [`TestDriver`].

mod bus;
mod driver;
mod error;
mod input;
mod output;
mod record;
mod store;
mod waiting;
mod window_store;

pub use driver::TestDriver;
pub use error::TestError;
pub use input::TestInput;
pub use output::TestOutput;
pub use record::record;
pub use store::{TestStore, TestableStore};
pub use window_store::TestWindowStore;
