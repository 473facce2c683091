//! Where the writers of one sink run: a thread of their own, since a topology borrows no runtime and its threads never wait.

use std::sync::OnceLock;

use tokio::runtime::{Builder, Handle, Runtime};

/// Begins with the first task, ends with the last that knows it.
#[derive(Debug, Default)]
pub(super) struct Executor(OnceLock<Result<Option<Runtime>, String>>);

impl Executor {
    pub(super) fn handle(&self) -> Result<Handle, String> {
        let made = self.0.get_or_init(|| {
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(1).thread_name("millstream-sink").enable_all();
            builder.build().map(Some).map_err(|error| format!("starting the thread of a sink: {error}"))
        });
        match made {
            Ok(Some(runtime)) => Ok(runtime.handle().clone()),
            Ok(None) => Err("the thread of the sink has ended".to_owned()),
            Err(why) => Err(why.clone()),
        }
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        // Whoever drops it may be in a runtime, where waiting for this one would panic.
        if let Some(Ok(runtime)) = self.0.get_mut()
            && let Some(runtime) = runtime.take()
        {
            runtime.shutdown_background();
        }
    }
}
