//! A session with the database.

use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls};

use super::error::describe;
use super::options::Connection;
use crate::TaskError;
use crate::options::Secret;

/// A session, and the task that moves its bytes; both end together.
pub(super) struct Session {
    pub(super) client: Client,
    traffic: JoinHandle<()>,
}

impl Session {
    pub(super) async fn open(options: &Connection, name: &str) -> Result<Self, TaskError> {
        let config = config(options, name).map_err(TaskError::fatal)?;
        let (client, connection) = config.connect(NoTls).await.map_err(|error| {
            let what = format!("cannot connect to {}: {}", place(&config), describe(&error));
            // A refused password stays refused; a server that is away may come back.
            if error.as_db_error().is_some_and(|refusal| refusal.code().code().starts_with("28")) {
                TaskError::fatal(what)
            } else {
                TaskError::retry(what)
            }
        })?;
        let traffic = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!("a connection to the database ended: {}", describe(&error));
            }
        });
        Ok(Self { client, traffic })
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

/// Whether an address can be read.
pub(super) fn check_url(url: &Secret) -> Result<(), String> {
    parse(url).map(|_| ())
}

fn parse(url: &Secret) -> Result<Config, String> {
    let text = url.expose();
    let (text, is_jdbc) = text.strip_prefix("jdbc:").map_or((text, false), |rest| (rest, true));
    if is_jdbc && !text.starts_with("postgresql:") {
        return Err("only PostgreSQL is known here: jdbc:postgresql://host:5432/database".to_owned());
    }
    let config: Config = text.parse().map_err(|_| {
        "must be like postgres://host:5432/database or jdbc:postgresql://host:5432/database".to_owned()
    })?;
    if config.get_ssl_mode() == SslMode::Require {
        return Err("connections are not encrypted yet: leave sslmode=require out, or tunnel".to_owned());
    }
    Ok(config)
}

fn config(options: &Connection, name: &str) -> Result<Config, String> {
    let mut config = parse(&options.url)?;
    if let Some(user) = &options.user {
        config.user(user);
    }
    if let Some(password) = &options.password {
        config.password(password.expose());
    }
    config.application_name(name).connect_timeout(options.timeout);
    Ok(config)
}

/// Where a session goes, without what opens the door.
fn place(config: &Config) -> String {
    let host = config.get_hosts().first().map_or_else(
        || "localhost".to_owned(),
        |host| match host {
            tokio_postgres::config::Host::Tcp(name) => name.clone(),
            tokio_postgres::config::Host::Unix(path) => path.display().to_string(),
        },
    );
    let port = config.get_ports().first().copied().unwrap_or(5_432);
    format!("{host}:{port}/{}", config.get_dbname().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_both_worlds_are_read() {
        for url in
            ["postgres://h:1/db", "postgresql://u:p@h/db", "jdbc:postgresql://h:1/db?user=u&password=p"]
        {
            assert_eq!(parse(&Secret::new(url)).unwrap().get_dbname(), Some("db"), "{url}");
        }
        for (url, why) in [
            ("jdbc:mysql://h/db", "only PostgreSQL"),
            ("h:1/db", "must be like"),
            ("postgres://h/db?sslmode=require", "not encrypted"),
        ] {
            assert!(parse(&Secret::new(url)).unwrap_err().contains(why), "{url}");
        }
    }
}
