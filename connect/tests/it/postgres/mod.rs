//! The sink and the source of PostgreSQL, on a server that each test starts.

mod proxy;
mod sessions;
mod silence;
mod sink;
mod source;
mod tls;
mod values;

use anyhow::Result;
use millstream_tests::postgres::Postgres;
use tokio_postgres::{Client, NoTls};

/// A session of the test's own.
pub(crate) async fn session(server: &Postgres) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(&server.url(), NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// What a query says, a line a row, `|` between the columns, each as text.
pub(crate) async fn rows(client: &Client, query: &str) -> Result<Vec<String>> {
    let messages = client.simple_query(query).await?;
    let row = |message: &tokio_postgres::SimpleQueryMessage| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => {
            Some((0..row.len()).map(|at| row.get(at).unwrap_or("null")).collect::<Vec<_>>().join("|"))
        }
        _ => None,
    };
    Ok(messages.iter().filter_map(row).collect())
}
