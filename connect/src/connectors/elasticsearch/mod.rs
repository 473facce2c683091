//! Documents for Elasticsearch and OpenSearch, by their bulk interface.
//!
//! A document is named by its record's key, with the offset as its version, or by topic, partition and offset: whatever is
//! written again takes its own place, and a conflict of versions is the sign of it.

mod bulk;
mod document;
mod fates;
mod index;
mod indices;
mod mapping;
mod operation;
pub mod options;
mod server;
mod task;
mod volleys;

use reqwest::{Method, StatusCode};

pub use options::ElasticsearchOptions;

use crate::{About, ConnectError, Finding, Replay, Sink, SinkContext, SinkTask, async_trait};
use server::Server;

/// Writes documents to Elasticsearch or OpenSearch.
pub struct ElasticsearchSink;

#[async_trait]
impl Sink for ElasticsearchSink {
    type Options = ElasticsearchOptions;

    const ABOUT: About = About {
        name: "elasticsearch",
        aliases: &[
            "io.confluent.connect.elasticsearch.ElasticsearchSinkConnector",
            "io.aiven.kafka.connect.opensearch.OpensearchSinkConnector",
            "opensearch",
        ],
        summary: "Writes records as documents to Elasticsearch or OpenSearch.",
    };

    const REPLAY: Replay = Replay::Upserts;

    async fn check(options: &ElasticsearchOptions) -> Vec<Finding> {
        let what = options.connection.urls.join(", ");
        let server = match Server::new(&options.connection) {
            Ok(server) => server,
            Err(why) => return vec![Finding::wrong(what, why)],
        };
        let mut findings = vec![version(&server, what).await];
        if let Ok(target) = index::Target::of(&options.target)
            && options.target.create
            && target.stream_pattern().is_some()
        {
            let said = "made with the first record, with a template where none matches";
            findings.push(Finding::fine("data stream", said));
        }
        findings
    }

    async fn open(
        options: ElasticsearchOptions,
        context: SinkContext,
    ) -> Result<Box<dyn SinkTask>, ConnectError> {
        Ok(Box::new(task::ElasticsearchTask::open(options, &context).await?))
    }
}

async fn version(server: &Server, what: String) -> Finding {
    let answer = match server.ask(Method::GET, &[], None, None).await {
        Ok(answer) => answer,
        Err(why) => return Finding::wrong(what, format!("it cannot be reached: {why}")),
    };
    match answer.status {
        StatusCode::OK => {
            let said: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            let number = said.pointer("/version/number").and_then(serde_json::Value::as_str);
            let Some(number) = number else {
                return Finding::wrong(what, "something answers that is no search server: check the address");
            };
            let name = said.pointer("/version/distribution").and_then(serde_json::Value::as_str);
            Finding::fine(what, format!("{} {number}", name.unwrap_or("elasticsearch")))
        }
        StatusCode::UNAUTHORIZED => {
            let said = format!(
                "{}: set connection.username and connection.password, or connection.api.key",
                answer.why()
            );
            Finding::wrong(what, said)
        }
        // A user who may write need not be one who may ask this.
        StatusCode::FORBIDDEN => {
            Finding::warning(what, format!("its version may not be asked for: {}", answer.why()))
        }
        _ => Finding::wrong(what, answer.why()),
    }
}
