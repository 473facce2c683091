//! Where the client's tasks run: the caller's tokio runtime, or a small one of the client's own.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Instant;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::{Error, Result};

/// Threads of a runtime that a client owns: one is enough for the sockets of one client.
const OWNED_WORKERS: usize = 1;

/// A handle to the runtime that carries the sockets. Clones share it; the last one lets an owned runtime go.
#[derive(Clone, Debug)]
pub(crate) struct Runtime {
    handle: Handle,
    /// Kept for its `Drop` alone.
    _owned: Option<Arc<Owned>>,
}

#[derive(Debug)]
struct Owned(Option<tokio::runtime::Runtime>);

impl Drop for Owned {
    /// Never blocks: the last handle may be dropped inside another runtime, where waiting would panic.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Runtime {
    /// The caller's runtime when there is one, else an own one.
    pub(crate) fn current_or_own() -> Result<Self> {
        match Handle::try_current() {
            Ok(handle) => Ok(Self { handle, _owned: None }),
            Err(_) => Self::own(),
        }
    }

    /// A runtime of the client's own, for callers on plain threads.
    pub(crate) fn own() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(OWNED_WORKERS)
            .thread_name("millstream-client")
            .enable_all()
            .build()
            .map_err(|error| Error::Misuse(format!("cannot start the client's threads: {error}").into()))?;
        let handle = runtime.handle().clone();
        Ok(Self { handle, _owned: Some(Arc::new(Owned(Some(runtime)))) })
    }

    /// Starts a task that ends when the returned guard is dropped.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> TaskGuard {
        TaskGuard(self.handle.spawn(task))
    }

    /// Starts a task that nobody waits for.
    pub(crate) fn detach(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(self.handle.spawn(task));
    }

    /// Runs `work` on this runtime and waits for it from any executor.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        self.handle.spawn(work).await.unwrap_or(Err(Error::Closed))
    }

    /// Runs `work` to its end from a thread that is not part of any runtime.
    pub(crate) fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.handle.block_on(work)
    }

    /// A timer that any executor can wait for.
    pub(crate) fn sleep_until(&self, deadline: Instant) -> Alarm {
        // Made inside the task: a timer needs a runtime around it, and the caller may be a plain thread.
        Alarm(self.handle.spawn(async move { tokio::time::sleep_until(deadline.into()).await }))
    }
}

/// Aborts its task when dropped, so that no task outlives the client that it works for.
#[derive(Debug)]
pub(crate) struct TaskGuard(JoinHandle<()>);

impl Drop for TaskGuard {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// See [`Runtime::sleep_until`].
pub(crate) struct Alarm(JoinHandle<()>);

impl Future for Alarm {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx).map(|_| ())
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for a future that only needs wakers (no sockets, no timers) on this very thread, up to `deadline`.
pub(crate) fn park_until<T>(future: impl Future<Output = T>, deadline: Option<Instant>) -> Option<T> {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut cx = Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return Some(output);
        }
        match deadline.map(|at| at.saturating_duration_since(Instant::now())) {
            None => std::thread::park(),
            Some(left) if left.is_zero() => return None,
            Some(left) => std::thread::park_timeout(left),
        }
    }
}
