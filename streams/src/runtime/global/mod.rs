//! Global tables in a running application: read to the ends of their topics before any task runs, then kept up by a thread of
//! their own.

mod checkpoint;
mod meter;
mod tables;
mod thread;

use checkpoint::Positions;
use tables::Tables;
pub(super) use thread::GlobalThread;
