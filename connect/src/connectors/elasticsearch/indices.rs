//! Indices, data streams and templates that are made before the first document goes to them.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::index::Target;
use super::mapping::mapping;
use super::options::{ElasticsearchOptions, TargetOptions};
use super::server::{Answer, Body, Server};
use crate::data::Schema;
use crate::{SinkContext, TaskError};

/// Names of indices that are remembered; with more, as of a pattern by the second, they are asked for again.
const KNOWN_MAX: usize = 10_000;
/// Of templates that match, the one with the highest priority counts; those that Elasticsearch brings have 100.
const PRIORITY: u32 = 200;

/// What is known to be there.
pub(super) struct Indices {
    known: HashSet<Arc<str>>,
    compact_maps: bool,
}

impl Indices {
    pub(super) fn new(options: &ElasticsearchOptions) -> Self {
        Self { known: HashSet::new(), compact_maps: options.documents.compact_maps }
    }

    /// Makes an index or data stream where there is none of that name.
    pub(super) async fn ensure(
        &mut self,
        server: &Server,
        target: &Target,
        name: &Arc<str>,
        schema: Option<&Arc<Schema>>,
    ) -> Result<(), TaskError> {
        if self.known.contains(name) {
            return Ok(());
        }
        let there = ask(server, Method::HEAD, &[name], None).await?;
        if there.status == StatusCode::NOT_FOUND {
            match target.stream_pattern() {
                Some(pattern) => self.make_stream(server, name, &pattern).await?,
                None => self.make_index(server, name, schema).await?,
            }
        } else if !there.status.is_success() {
            return Err(refused(&format!("{name} cannot be looked for"), &there));
        }
        if self.known.len() >= KNOWN_MAX {
            self.known.clear();
        }
        self.known.insert(Arc::clone(name));
        Ok(())
    }

    async fn make_index(
        &self,
        server: &Server,
        name: &str,
        schema: Option<&Arc<Schema>>,
    ) -> Result<(), TaskError> {
        let mappings = schema.and_then(|schema| mapping(schema, self.compact_maps));
        let body = mappings.map_or_else(|| json!({}), |mappings| json!({ "mappings": mappings }));
        made(&format!("index {name}"), &ask(server, Method::PUT, &[name], Some(&body)).await?)
    }

    async fn make_stream(&self, server: &Server, name: &str, pattern: &str) -> Result<(), TaskError> {
        let path = ["_data_stream", name];
        let mut answer = ask(server, Method::PUT, &path, None).await?;
        if answer.status == StatusCode::BAD_REQUEST && !answer.is_there() {
            // No template matches: Elasticsearch brings some, OpenSearch does not.
            let template = json!({"index_patterns": [pattern], "data_stream": {}, "priority": PRIORITY});
            let name = format!("millstream-{}", pattern.trim_end_matches("-*"));
            let put = ask(server, Method::PUT, &["_index_template", &name], Some(&template)).await?;
            made(&format!("index template {name}"), &put)?;
            answer = ask(server, Method::PUT, &path, None).await?;
        }
        made(&format!("data stream {name}"), &answer)
    }
}

/// Puts the template of the options on the server, where there is one.
pub(super) async fn put_template(
    server: &Server,
    options: &TargetOptions,
    context: &SinkContext,
) -> Result<(), TaskError> {
    let Some(file) = &options.template else { return Ok(()) };
    let wrong = |why: String| TaskError::fatal(format!("index.template.file {}: {why}", file.display()));
    let text = tokio::fs::read_to_string(file).await.map_err(|error| wrong(error.to_string()))?;
    let template: Value = serde_json::from_str(&text).map_err(|error| wrong(format!("no JSON: {error}")))?;
    let name = options.template_name.as_deref().unwrap_or(&context.connector);
    let path = ["_index_template", name];
    if !options.template_overwrite {
        let there = ask(server, Method::HEAD, &path, None).await?;
        if there.status.is_success() {
            return Ok(());
        }
    }
    let put = ask(server, Method::PUT, &path, Some(&template)).await?;
    made(&format!("index template {name}"), &put)
}

async fn ask(
    server: &Server,
    method: Method,
    path: &[&str],
    body: Option<&Value>,
) -> Result<Answer, TaskError> {
    let body = body.map(|body| (Body::Json, Bytes::from(body.to_string())));
    server.ask(method, path, None, body).await.map_err(TaskError::retry)
}

fn made(what: &str, answer: &Answer) -> Result<(), TaskError> {
    if answer.status.is_success() || answer.is_there() {
        return Ok(());
    }
    Err(refused(&format!("{what} cannot be made"), answer))
}

fn refused(what: &str, answer: &Answer) -> TaskError {
    let why = format!("{what}: {}", answer.why());
    if answer.status.is_server_error() || answer.status == StatusCode::TOO_MANY_REQUESTS {
        return TaskError::retry(why);
    }
    TaskError::fatal(format!("{why}; make it by hand and set index.create=false, or allow it to be made"))
}
