//! Numbers as Prometheus reads them: text format 0.0.4. Broker, streams and Connect write their pages by it, each with names that
//! begin with its own prefix, so that the pages of all that runs in a process may follow each other at one address.
//!
//! ```
//! use millstream_exposition::{Labels, Page};
//!
//! let mut page = Page::new("mill_");
//! page.counter("turns_total", "Turns of a wheel", [(Labels::of(&[("wheel", &"north")]), 7.0)]);
//! let expected = "# HELP mill_turns_total Turns of a wheel.\n# TYPE mill_turns_total counter\nmill_turns_total{wheel=\"north\"} 7\n";
//! assert_eq!(page.into_text(), expected);
//! ```

mod labels;
mod page;
mod process;
mod strict;

pub use labels::Labels;
pub use page::{Histogram, Page, Sample};
pub use process::process;
pub use strict::{Kinds, Samples, read};

/// What Prometheus is told that it gets (the header `Content-Type`).
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
