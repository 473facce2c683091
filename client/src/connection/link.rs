//! A connection that has shaken hands: its broker's versions are known.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use kafka_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};
use kafka_protocol::protocol::{Message, Request, StrBytes};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use super::exchange::{Exchange, Outgoing};
use super::frame::{Frame, decode, encode, name};
use super::socket;
use super::throttle::Throttled;
use super::versions::Versions;
use crate::config::ClientConfig;
use crate::runtime::{Runtime, TaskGuard};
use crate::{Error, ErrorCode, Result};

/// Requests that wait for the socket; senders wait beyond that.
const OUTBOX_MAX: usize = 64;

/// A live connection to one broker. Shared by everything that talks to the broker; dropped, the socket closes.
#[derive(Debug)]
pub(crate) struct Link {
    address: Arc<str>,
    client_id: String,
    request_timeout: Duration,
    versions: Versions,
    outbox: mpsc::Sender<Outgoing>,
    /// Set by the task that carries the traffic when it ends.
    closed: Arc<AtomicBool>,
    /// Until when the broker asked for silence.
    quiet_until: Mutex<Option<Instant>>,
    _traffic: TaskGuard,
}

impl Link {
    /// Connects and asks for the versions.
    pub(crate) async fn open(address: Arc<str>, config: &ClientConfig, runtime: &Runtime) -> Result<Self> {
        let stream = socket::connect(&address, config)
            .await
            .map_err(|error| Error::Connect { address: address.clone(), reason: error.to_string().into() })?;
        let (outbox, requests) = mpsc::channel(OUTBOX_MAX);
        let exchange = Exchange::new(address.clone(), config.connections_max_idle);
        let closed = Arc::new(AtomicBool::new(false));
        let closed_by_task = Arc::clone(&closed);
        let traffic = runtime.spawn(async move {
            let error = exchange.run(stream, requests).await;
            closed_by_task.store(true, Ordering::Release);
            tracing::debug!(%error, "connection closed");
        });
        let mut link = Self {
            address,
            client_id: config.client_id.clone(),
            request_timeout: config.request_timeout,
            versions: Versions::default(),
            outbox,
            closed,
            quiet_until: Mutex::new(None),
            _traffic: traffic,
        };
        link.versions = link.handshake().await?;
        Ok(link)
    }

    /// Asks with the newest version that this client knows and, when that is too new, once more with version 0, which
    /// every broker answers.
    async fn handshake(&self) -> Result<Versions> {
        let newest = ApiVersionsRequest::VERSIONS.max;
        let frame = self.ask_versions(newest).await?;
        let refused = frame.len() >= 6 && (&frame[4..]).get_i16() == ErrorCode::UnsupportedVersion.code();
        let response: ApiVersionsResponse = if refused {
            decode::<ApiVersionsRequest>(&self.ask_versions(0).await?, 0, &self.address)?
        } else {
            decode::<ApiVersionsRequest>(&frame, newest, &self.address)?
        };
        crate::error::check(response.error_code, || format!("ApiVersions from {}", self.address))?;
        Ok(Versions::of(&response))
    }

    async fn ask_versions(&self, version: i16) -> Result<Bytes> {
        let request = ApiVersionsRequest::default()
            .with_client_software_name(StrBytes::from_static_str("millstream"))
            .with_client_software_version(StrBytes::from_static_str(env!("CARGO_PKG_VERSION")));
        self.submit(encode(&request, version, &self.client_id)?, self.request_timeout).await?.await
    }

    pub(crate) fn address(&self) -> &Arc<str> {
        &self.address
    }

    pub(crate) fn client_id(&self) -> &str {
        &self.client_id
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// The newest common version of `R`, `cap` at most.
    pub(crate) fn version<R: Request>(&self, cap: i16) -> Result<i16> {
        let unsupported =
            || Error::UnsupportedVersion { address: self.address.clone(), api: name::<R>().into() };
        self.versions.newest::<R>(cap).ok_or_else(unsupported)
    }

    /// Sends a request in the newest common version and waits for its answer.
    pub(crate) async fn call<R>(&self, request: &R) -> Result<R::Response>
    where
        R: Request,
        R::Response: Throttled,
    {
        self.call_at(request, self.version::<R>(i16::MAX)?, self.request_timeout).await
    }

    /// Sends a request in a version that the caller has chosen, with a time-out of its own.
    pub(crate) async fn call_at<R>(&self, request: &R, version: i16, timeout: Duration) -> Result<R::Response>
    where
        R: Request,
        R::Response: Throttled,
    {
        let pending = self.submit(encode(request, version, &self.client_id)?, timeout).await?;
        self.read::<R>(pending.await?, version)
    }

    /// Decodes the answer to an `R` and heeds the throttling in it.
    pub(crate) fn read<R>(&self, frame: Bytes, version: i16) -> Result<R::Response>
    where
        R: Request,
        R::Response: Throttled,
    {
        let response = decode::<R>(&frame, version, &self.address)?;
        if let Ok(millis @ 1..) = u64::try_from(response.throttle_time_ms()) {
            tracing::debug!(address = %self.address, millis, "throttled by quota");
            *self.quiet_until.lock() = Some(Instant::now() + Duration::from_millis(millis));
        }
        Ok(response)
    }

    /// Hands a frame to the socket; requests leave in the order of these calls.
    pub(crate) async fn submit(&self, frame: Frame, timeout: Duration) -> Result<Pending> {
        let (reply, answer) = oneshot::channel();
        self.hand_over(Outgoing { frame, reply: Some(reply), timeout }).await?;
        Ok(Pending { answer, address: self.address.clone() })
    }

    /// As [`Self::submit`], at once or not at all. Does not heed throttling: see [`Self::quiet`].
    pub(crate) fn try_submit(&self, frame: Frame, timeout: Duration) -> Result<Pending> {
        let (reply, answer) = oneshot::channel();
        let outgoing = Outgoing { frame, reply: Some(reply), timeout };
        self.outbox.try_send(outgoing).map_err(|_| gone(&self.address))?;
        Ok(Pending { answer, address: self.address.clone() })
    }

    /// Waits for as long as the broker asked for silence.
    pub(crate) async fn quiet(&self) {
        let quiet_until = *self.quiet_until.lock();
        if let Some(until) = quiet_until.filter(|until| *until > Instant::now()) {
            tokio::time::sleep_until(until.into()).await;
        }
    }

    /// Whether the broker asked for silence just now.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet_until.lock().is_some_and(|until| until > Instant::now())
    }

    /// Hands over a frame that is never answered (`acks=0`).
    pub(crate) async fn submit_unanswered(&self, frame: Frame) -> Result<()> {
        self.hand_over(Outgoing { frame, reply: None, timeout: self.request_timeout }).await
    }

    async fn hand_over(&self, outgoing: Outgoing) -> Result<()> {
        self.quiet().await;
        self.outbox.send(outgoing).await.map_err(|_| gone(&self.address))
    }
}

fn gone(address: &Arc<str>) -> Error {
    Error::Disconnected { address: address.clone(), reason: "it was closed before the request left".into() }
}

/// The answer to a request that was sent.
#[derive(Debug)]
pub(crate) struct Pending {
    answer: oneshot::Receiver<Result<Bytes>>,
    address: Arc<str>,
}

impl Future for Pending {
    type Output = Result<Bytes>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(Pin::new(&mut self.answer).poll(cx));
        Poll::Ready(answer.unwrap_or_else(|_| Err(gone(&self.address))))
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use kafka_protocol::messages::MetadataRequest;

    use super::super::fake::{Manner, start};
    use super::*;

    async fn open(manner: Manner) -> Result<Link> {
        let address = start(manner).await;
        let config = ClientConfig { request_timeout: Duration::from_millis(400), ..ClientConfig::default() };
        Link::open(address.into(), &config, &Runtime::current_or_own()?).await
    }

    async fn ask(link: &Link) -> Result<()> {
        link.call(&MetadataRequest::default()).await.map(|_| ())
    }

    #[tokio::test]
    async fn a_broker_that_refuses_new_versions_is_asked_in_the_oldest() {
        let link = open(Manner::OldVersions).await.unwrap();
        assert_eq!(link.version::<MetadataRequest>(i16::MAX).unwrap(), 7);
        ask(&link).await.unwrap();
    }

    #[tokio::test]
    async fn throttling_silences_the_connection() {
        let link = open(Manner::Throttles).await.unwrap();
        assert!(!link.is_quiet());
        ask(&link).await.unwrap();
        assert!(link.is_quiet());
        assert!(ask(&link).now_or_never().is_none(), "waits before it sends");
    }

    #[tokio::test]
    async fn an_answer_to_something_else_ends_the_connection() {
        let link = open(Manner::WrongCorrelation).await.unwrap();
        let error = ask(&link).await.unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }), "{error}");
    }

    #[tokio::test]
    async fn silence_ends_the_connection_and_says_how_long_it_lasted() {
        let link = open(Manner::Silent).await.unwrap();
        let error = ask(&link).await.unwrap_err();
        assert!(error.to_string().contains("request.timeout.ms"), "{error}");
        assert!(error.is_retriable());
        let again = ask(&link).await.unwrap_err();
        assert!(matches!(again, Error::Disconnected { .. }), "{again}");
    }

    #[tokio::test]
    async fn another_protocol_is_named_as_such() {
        let error = open(Manner::Http).await.unwrap_err();
        assert!(error.to_string().contains("is this port a Kafka listener"), "{error}");
    }
}
