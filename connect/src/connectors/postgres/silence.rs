//! How long a server may be silent while something is asked of it.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

use crate::TaskError;

/// Longer than any clock that is added to.
const CENTURY: Duration = Duration::from_secs(100 * 365 * 86_400);

/// When something last moved between a session and its server, and how long nothing may.
#[derive(Debug, Clone)]
pub(super) struct Silence {
    /// Shared by those who ask and the task that moves the bytes.
    last: Arc<Mutex<Instant>>,
    /// `None`: without end.
    limit: Option<Duration>,
}

impl Silence {
    /// A limit of nothing is none, and so is one that nobody lives to see.
    pub(super) fn new(limit: Duration) -> Self {
        let limit = Some(limit).filter(|limit| !limit.is_zero() && *limit < CENTURY);
        Self { last: Arc::new(Mutex::new(Instant::now())), limit }
    }

    /// Does what moves the bytes, which is at work only when some are there to be moved.
    pub(super) async fn listen<T>(self, traffic: impl Future<Output = T>) -> T {
        let mut traffic = pin!(traffic);
        poll_fn(|context| {
            self.moved();
            traffic.as_mut().poll(context)
        })
        .await
    }

    /// How long nothing may move; `None`: without end.
    pub(super) fn limit(&self) -> Option<Duration> {
        self.limit
    }

    /// Asks. A session that was given up like this is of no use any more: nobody knows what the server will have done.
    ///
    /// # Errors
    /// Nothing has moved for too long.
    pub(super) async fn bound<T>(&self, asked: impl Future<Output = T>) -> Result<T, TaskError> {
        let Some(limit) = self.limit else { return Ok(asked.await) };
        self.moved();
        let mut asked = pin!(asked);
        loop {
            tokio::select! {
                biased;
                answer = &mut asked => return Ok(answer),
                () = sleep_until(self.last() + limit) => {}
            }
            if self.last() + limit <= Instant::now() {
                return Err(TaskError::retry(format!(
                    "the server has said nothing for {} ms: it hangs, the way to it is cut, or what it was asked takes longer than \
                     socket.timeout.ms allows",
                    limit.as_millis()
                )));
            }
        }
    }

    fn moved(&self) {
        *self.last.lock() = Instant::now();
    }

    fn last(&self) -> Instant {
        *self.last.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_may_take_long_as_long_as_something_moves() {
        let silence = Silence::new(Duration::from_secs(2));
        let moves = silence.clone().listen(async {
            for _ in 0..300 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        let (answer, ()) = tokio::join!(silence.bound(tokio::time::sleep(Duration::from_secs(3))), moves);
        answer.unwrap();

        let silent = Silence::new(Duration::from_millis(20)).bound(std::future::pending::<()>()).await;
        assert!(matches!(&silent, Err(TaskError::Retry { why, .. }) if why.contains("20 ms")), "{silent:?}");
        let long = Duration::from_millis(50);
        for endless in [Duration::ZERO, Duration::MAX] {
            assert!(Silence::new(endless).bound(tokio::time::sleep(long)).await.is_ok(), "nothing bounds it");
        }
    }
}
