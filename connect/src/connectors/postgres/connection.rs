//! A session with the database.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, Error};

use super::address::{self, Address};
use super::error::describe;
use super::options::Connection;
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
/// A task that stands still in the middle of a transaction gives its locks up; one that waits for such a lock says so.
const LOCKS: &str = "SET idle_in_transaction_session_timeout = 60000; SET lock_timeout = 90000";

/// A session, and the task that moves its bytes; both end together.
pub(super) struct Session {
    pub(super) client: Client,
    traffic: JoinHandle<()>,
}

impl Session {
    pub(super) async fn open(options: &Connection, name: &str, purpose: Purpose) -> Result<Self, TaskError> {
        let Address { mut config, encryption } = address::parse(&options.url).map_err(TaskError::fatal)?;
        if let Some(user) = &options.user {
            config.user(user);
        }
        if let Some(password) = &options.password {
            config.password(password.expose());
        }
        config.application_name(name).connect_timeout(options.timeout);
        config.keepalives_idle(KEEPALIVE_IDLE).keepalives_interval(KEEPALIVE_INTERVAL);
        config.keepalives_retries(KEEPALIVE_RETRIES).tcp_user_timeout(Duration::from_secs(60));
        let tls = Tls::new(&encryption).map_err(TaskError::fatal)?;
        let (client, connection) = config.connect(tls).await.map_err(|error| refused(&config, &error))?;
        let traffic = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!("a connection to the database ended: {}", describe(&error));
            }
        });
        let session = Self { client, traffic };
        let settings = match purpose {
            Purpose::Read => SERVER_KEEPS.to_owned(),
            Purpose::Write => format!("{SERVER_KEEPS}; {LOCKS}"),
        };
        session.client.batch_execute(&settings).await.map_err(|error| refused(&config, &error))?;
        Ok(session)
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

/// A refused password, a database that is not there and a certificate that nobody vouches for stay so; a server that is away may
/// come back.
fn refused(config: &Config, error: &Error) -> TaskError {
    let what = format!("cannot connect to {}: {}", address::place(config), describe(error));
    let code = error.code().map(tokio_postgres::error::SqlState::code);
    let stays = code.is_some_and(|code| code.starts_with("28") || matches!(code, "3D000" | "42501"));
    if stays || is_untrusted(error) { TaskError::fatal(what) } else { TaskError::retry(what) }
}
