//! A session with the database.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, Error};

use super::address::{self, Address};
use super::error::describe;
use super::options::Connection;
use super::silence::Silence;
use super::tls::{Tls, is_untrusted};
use crate::TaskError;

/// What a session is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Reads, and holds nobody up.
    Read,
    /// Writes, and locks what it writes.
    Write,
}

/// What both sides ask each other after so much silence: a connection whose other end is gone does not stay.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_RETRIES: u32 = 3;
/// The same of the server, which a client that is gone leaves its locks with; and of what is sent and not acknowledged.
const SERVER_KEEPS: &str = "SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3; \
     SET tcp_user_timeout = 60000";
/// How long a lock is waited for, in milliseconds.
const LOCK_TIMEOUT_MS: u128 = 90_000;
/// A server that knows how looks up now and then from what it does, whether anybody still wants it: else a session that was given up
/// would hold its locks until it is done. Where the system cannot tell, it says so.
const ABANDONED: &str =
    "SELECT set_config(name, $1, false) FROM pg_settings WHERE name = 'client_connection_check_interval'";
/// How often it looks up, in milliseconds.
const LOOK_MS: u128 = 10_000;

/// A session, and the task that moves its bytes; both end together.
pub(super) struct Session {
    pub(super) client: Client,
    /// Bounds what is asked.
    pub(super) silence: Silence,
    traffic: JoinHandle<()>,
}

impl Session {
    pub(super) async fn open(options: &Connection, name: &str, purpose: Purpose) -> Result<Self, TaskError> {
        let Address { mut config, encryption, silence, timeout } =
            address::parse(&options.url).map_err(TaskError::fatal)?;
        if let Some(user) = &options.user {
            config.user(user);
        }
        if let Some(password) = &options.password {
            config.password(password.expose());
        }
        if config.get_application_name().is_none() {
            config.application_name(name);
        }
        let timeout = timeout.unwrap_or(options.timeout);
        config
            .connect_timeout(timeout)
            .keepalives_idle(KEEPALIVE_IDLE)
            .keepalives_interval(KEEPALIVE_INTERVAL);
        config.keepalives_retries(KEEPALIVE_RETRIES).tcp_user_timeout(Duration::from_secs(60));
        let tls = Tls::new(&encryption).map_err(TaskError::fatal)?;
        let (client, connection) = connect(&config, tls, timeout).await?;
        let silence = Silence::new(silence.unwrap_or(options.silence));
        let traffic = tokio::spawn(silence.clone().listen(async move {
            if let Err(error) = connection.await {
                tracing::debug!("a connection to the database ended: {}", describe(&error));
            }
        }));
        let session = Self { client, silence, traffic };
        let set = session.silence.bound(session.set(purpose)).await?;
        set.map_err(|error| refused(&config, &error))?;
        Ok(session)
    }

    async fn set(&self, purpose: Purpose) -> Result<(), Error> {
        self.client.batch_execute(SERVER_KEEPS).await?;
        if purpose == Purpose::Write {
            self.client.batch_execute(&locks(self.silence.limit())).await?;
        }
        let look = self.silence.limit().map_or(LOOK_MS, |limit| limit.as_millis().min(LOOK_MS));
        if let Err(error) = self.client.execute(ABANDONED, &[&look.to_string()]).await
            && error.as_db_error().is_none()
        {
            return Err(error);
        }
        Ok(())
    }

    pub(super) fn is_lost(&self) -> bool {
        self.client.is_closed()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.traffic.abort();
    }
}

/// A task that stands still in the middle of a transaction gives its locks up; one that waits for such a lock says so, before it is
/// taken for one that hangs.
fn locks(silence: Option<Duration>) -> String {
    let lock = silence.map_or(LOCK_TIMEOUT_MS, |limit| LOCK_TIMEOUT_MS.min(limit.as_millis() / 2));
    format!("SET idle_in_transaction_session_timeout = 60000; SET lock_timeout = {}", lock.max(1))
}

type Connected = (
    Client,
    tokio_postgres::Connection<
        tokio_postgres::Socket,
        <Tls as MakeTlsConnect<tokio_postgres::Socket>>::Stream,
    >,
);

/// The client bounds the way to each host; whoever is there and says nothing would be waited for.
async fn connect(config: &Config, tls: Tls, timeout: Duration) -> Result<Connected, TaskError> {
    let hosts = u32::try_from(config.get_hosts().len()).unwrap_or(u32::MAX).max(1);
    let connected =
        tokio::time::timeout(timeout.saturating_mul(hosts.saturating_add(1)), config.connect(tls)).await;
    let Ok(connected) = connected else {
        let place = address::place(config);
        return Err(TaskError::retry(format!(
            "cannot connect to {place}: somebody is there and gives no greeting within connection.timeout.ms"
        )));
    };
    connected.map_err(|error| refused(config, &error))
}

/// A refused password, a database that is not there and a certificate that nobody vouches for stay so; a server that is away may
/// come back.
fn refused(config: &Config, error: &Error) -> TaskError {
    let what = format!("cannot connect to {}: {}", address::place(config), describe(error));
    let code = error.code().map(tokio_postgres::error::SqlState::code);
    let stays = code.is_some_and(|code| code.starts_with("28") || matches!(code, "3D000" | "42501"));
    if stays || is_untrusted(error) { TaskError::fatal(what) } else { TaskError::retry(what) }
}
