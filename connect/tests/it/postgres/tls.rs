//! The way to the server, as `sslmode` asks for it.

use std::path::Path;

use anyhow::Result;
use millstream_connect::data::{Map, SchemaAndValue, Value};
use millstream_connect::{Record, TaskError, Written};
use millstream_tests::postgres::Postgres;

use super::{rows, session};
use crate::open;

/// Writes a record and returns what the server says of the session that did it.
async fn write(server: &Postgres, url: &str) -> Result<Vec<String>, TaskError> {
    let options = [("connection.url", url), ("auto.create", "true"), ("offsets.table", "")];
    let mut sink = open::sink("postgres", &options).await.unwrap();
    let value = Map::new().with(Value::string("id"), Value::Int64(1));
    let written = sink.write(&[Record::new("orders".into(), SchemaAndValue::schemaless(value))]).await?;
    assert_eq!(written, Written::All);
    let client = session(server).await.unwrap();
    let ask = "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name LIKE 'millstream%'";
    Ok(rows(&client, ask).await.unwrap())
}

#[tokio::test]
async fn the_way_is_encrypted_and_leads_to_whom_somebody_vouches_for() -> Result<()> {
    let Some((server, vouch, others)) = Postgres::start_encrypted()? else { return Ok(()) };
    let url = |host: &str, query: &str| format!("{}?{query}", server.url().replace("127.0.0.1", host));
    let by = |mode: &str, roots: &Path| format!("sslmode={mode}&sslrootcert={}", roots.display());
    // The certificate is for 127.0.0.1 alone.
    for (host, query, expected) in [
        ("127.0.0.1", "sslmode=disable".to_owned(), "f"),
        ("127.0.0.1", "sslmode=prefer".to_owned(), "t"),
        ("127.0.0.1", "connect_timeout=3".to_owned(), "t"),
        ("localhost", "sslmode=require".to_owned(), "t"),
        ("localhost", by("verify-ca", &vouch), "t"),
        ("127.0.0.1", by("verify-full", &vouch), "t"),
    ] {
        assert_eq!(write(&server, &url(host, &query)).await?, [expected], "{host} {query}");
    }
    for (host, query) in [
        ("127.0.0.1", by("require", &others)),
        ("127.0.0.1", by("verify-ca", &others)),
        ("127.0.0.1", by("verify-full", &others)),
        ("localhost", by("verify-full", &vouch)),
        ("127.0.0.1", "sslmode=verify-full".to_owned()),
        ("127.0.0.1", by("verify-ca", Path::new("/nowhere"))),
    ] {
        let refused = write(&server, &url(host, &query)).await;
        assert!(matches!(refused, Err(TaskError::Fatal { .. })), "{host} {query}: {refused:?}");
    }

    // Whoever has the server's own certificate needs nobody else.
    let own = vouch.with_file_name("server.crt");
    assert_eq!(write(&server, &url("127.0.0.1", &by("verify-full", &own))).await?, ["t"]);
    assert!(write(&server, &url("localhost", &by("verify-full", &own))).await.is_err());
    let findings =
        open::check("postgres", &[("connection.url", &url("127.0.0.1", "sslmode=require"))]).await?;
    assert!(findings.iter().any(|finding| finding.said.contains("encrypted by TLSv1.3")), "{findings:?}");
    Ok(())
}

#[tokio::test]
async fn a_server_without_a_certificate_is_talked_to_only_where_that_is_allowed() -> Result<()> {
    let Some(server) = Postgres::start(&[])? else { return Ok(()) };
    assert_eq!(write(&server, &format!("{}?sslmode=prefer", server.url())).await?, ["f"]);
    let refused = write(&server, &format!("{}?sslmode=require", server.url())).await;
    assert!(refused.is_err_and(|why| why.to_string().contains("does not support TLS")));
    Ok(())
}
