//! Windows: spans of event time that aggregations are cut into.

mod emit;
mod span;
mod time;
mod time_windows;
mod windowed;

pub use emit::Emit;
pub use span::Window;
pub use time::{days, hours, last, millis, mins, secs};
pub use time_windows::TimeWindows;
pub use windowed::{Windowed, windowed};

pub(crate) use time::to_millis;
