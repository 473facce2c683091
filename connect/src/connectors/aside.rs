use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;

/// Does what may wait for a disk without keeping the tasks of other connectors waiting, or the requests to the worker, should that
/// disk never answer. A runtime of one thread, as tests have it, has nobody to hand them to.
pub(super) fn aside<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => block_in_place(work),
        _ => work(),
    }
}
