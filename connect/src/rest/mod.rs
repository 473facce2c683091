//! Kafka Connect's REST API: its paths, its JSON, its status codes, its errors.
//!
//! It knows a [`Herder`], so it is the same for one worker and for a cluster. It never resolves a reference to a
//! secret, masks what is typed as a password, and listens on a loopback address unless it asks who is there.

mod allowed;
mod auth;
mod body;
mod catalog;
mod connectors;
mod error;
mod loggers;
mod mask;
mod negotiation;
mod options;
mod plugins;
mod root;
mod server;
mod validate;

pub use catalog::Catalog;
pub use loggers::Loggers;
pub use options::RestOptions;
pub use server::{RestError, RestServer};

use crate::herder::{Config, Herder};
use crate::options::{Fault, Given, Options};
use crate::registry::Registry;
use crate::runtime::{WorkerOptions, faults};
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::StatusCode;
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use error::ApiError;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Bytes that a request's body may have.
const BODY_BYTES_MAX: usize = 1 << 20;
/// Requests that are dealt with at the same time; more wait.
const REQUESTS_MAX: usize = 64;
/// How long a request may take (Kafka Connect's `DEFAULT_REST_REQUEST_TIMEOUT_MS`).
const REQUEST_TIMEOUT: Duration = Duration::from_secs(90);
/// How long `GET /health` may take (Kafka Connect's `DEFAULT_HEALTH_CHECK_TIMEOUT_MS`).
const HEALTH_TIMEOUT: Duration = Duration::from_secs(10);

/// What every request is answered from.
#[derive(Clone)]
pub struct Rest {
    /// Who decides.
    pub herder: Arc<dyn Herder>,
    /// What can be configured.
    pub catalog: Arc<Catalog>,
    /// Of this process.
    pub loggers: Arc<Loggers>,
    /// What operators have set.
    pub options: Arc<RestOptions>,
    /// What Prometheus is answered; `None`: this process runs no tasks.
    pub page: Option<MetricsPage>,
}

/// Writes the page of metrics.
pub type MetricsPage = Arc<dyn Fn() -> String + Send + Sync>;

impl Rest {
    /// The surface of a worker with these settings.
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub fn new(
        herder: Arc<dyn Herder>,
        registry: Arc<Registry>,
        settings: &Config,
        loggers: Arc<Loggers>,
        options: RestOptions,
    ) -> Result<Self, Vec<Fault>> {
        WorkerOptions::read(&Given::new(settings))?;
        let settings = settings.clone();
        let strangers = options.strangers(&registry);
        if !strangers.is_empty() {
            return Err(strangers);
        }
        let (known, options) = (Arc::clone(&registry), Arc::new(options));
        let allows = Arc::clone(&options);
        let catalog = Catalog::new(registry, move |config| {
            let refusal = allows.refusal(&known, config);
            faults(&known, &settings, config).into_iter().chain(refusal).collect()
        });
        Ok(Self { herder, catalog: Arc::new(catalog), loggers, options, page: None })
    }

    /// The same, which also answers `GET /metrics`, as Kafka Connect does not.
    #[must_use]
    pub fn with_page(self, page: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Self { page: Some(Arc::new(page)), ..self }
    }
}

/// All paths.
pub fn router(rest: Rest) -> Router {
    let places = Arc::new(Semaphore::new(REQUESTS_MAX));
    let (options, herder) = (Arc::clone(&rest.options), Arc::clone(&rest.herder));
    let exact = Router::new()
        .route("/", get(root::info))
        .route("/health", get(root::health))
        .merge(connectors::routes())
        .route("/connector-plugins", get(plugins::list))
        .route("/connector-plugins/{plugin}/config", get(plugins::config))
        .route("/connector-plugins/{plugin}/config/validate", put(plugins::validate))
        .route("/admin/loggers", get(loggers::list))
        .route("/admin/loggers/{logger}", get(loggers::one).put(loggers::set))
        .route_layer(middleware::from_fn(negotiation::in_json))
        .route("/metrics", get(root::metrics))
        .route_layer(middleware::from_fn(move |request, next| {
            server::in_turn(Arc::clone(&places), Arc::clone(&herder), request, next)
        }))
        .fallback(async || ApiError::no_such_path())
        .method_not_allowed_fallback(async || ApiError::no_such_method())
        .layer(middleware::from_fn(move |request, next| auth::asked(Arc::clone(&options), request, next)))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::map_response(too_large_told))
        .layer(middleware::map_response(negotiation::errors_in_json))
        .with_state(rest);
    // Which methods a path has is said when all else is done.
    Router::new()
        .fallback_service(exact)
        .layer(middleware::from_fn(negotiation::options))
        .layer(middleware::map_request(without_slash))
}

/// Every error is JSON.
async fn too_large_told(response: Response) -> Response {
    if response.status() != StatusCode::PAYLOAD_TOO_LARGE {
        return response;
    }
    let message = format!("The body is longer than the {BODY_BYTES_MAX} bytes that a request may have");
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, message).into_response()
}

/// A slash at the end of a path is as good as none, as in Kafka Connect.
async fn without_slash(mut request: Request) -> Request {
    let Some(path) = request.uri().path().strip_suffix('/').filter(|path| !path.is_empty()) else {
        return request;
    };
    let query = request.uri().query().map_or_else(String::new, |query| format!("?{query}"));
    // It was a path before, and is one without its end.
    if let Ok(uri) = format!("{path}{query}").parse() {
        *request.uri_mut() = uri;
    }
    request
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    #[tokio::test]
    async fn a_slash_at_the_end_is_as_good_as_none() {
        for (asked, meant) in [
            ("/", "/"),
            ("/connectors/", "/connectors"),
            ("/connectors/a%2F/?expand=info", "/connectors/a%2F?expand=info"),
            ("/connectors", "/connectors"),
        ] {
            let request = axum::http::Request::get(asked).body(Body::empty()).unwrap();
            assert_eq!(without_slash(request).await.uri(), meant);
        }
    }
}
