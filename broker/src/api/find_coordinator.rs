//! FindCoordinator: this broker coordinates every group. Transactions and share groups are not served, which is
//! said at once: a client would look for their coordinator until its time-out.
//!
//! What is no group's coordinator is refused in the words that end the search: librdkafka tries again, whatever
//! it is told, unless the transactional id is not authorised; the Java client and franz-go end with any such error.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::{FindCoordinatorRequest, FindCoordinatorResponse};
use kafka_protocol::protocol::StrBytes;

use crate::api::{RequestContext, text};

/// Since this version several coordinators are asked for at once.
const BATCHED: i16 = 4;
/// The key type of groups.
const GROUP: i8 = 0;
/// The key type of transactional ids.
const TRANSACTION: i8 = 1;

pub(crate) async fn handle(
    context: &RequestContext,
    request: FindCoordinatorRequest,
) -> FindCoordinatorResponse {
    let refusal = refusal(context, request.key_type).await;
    let coordinator = |key| found(context, key, refusal.as_ref());
    if context.version() >= BATCHED {
        let coordinators = request.coordinator_keys.into_iter().map(coordinator).collect();
        return FindCoordinatorResponse::default().with_coordinators(coordinators);
    }
    let found = coordinator(request.key);
    FindCoordinatorResponse::default()
        .with_error_code(found.error_code)
        .with_error_message(found.error_message)
        .with_node_id(found.node_id)
        .with_host(found.host)
        .with_port(found.port)
}

async fn refusal(context: &RequestContext, key_type: i8) -> Option<(i16, StrBytes)> {
    match key_type {
        GROUP => {}
        TRANSACTION => {
            let code = ResponseError::TransactionalIdAuthorizationFailed.code();
            return Some((code, text("This broker does not serve transactions.")));
        }
        other => {
            let message = format!("This broker has no coordinators of type {other}.");
            return Some((ResponseError::InvalidRequest.code(), text(message)));
        }
    }
    let error = context.broker.groups.ensure_topic().await.err()?;
    Some((error.code(), text(error)))
}

fn found(context: &RequestContext, key: StrBytes, refusal: Option<&(i16, StrBytes)>) -> Coordinator {
    let coordinator = Coordinator::default().with_key(key);
    match refusal {
        Some((code, message)) => coordinator
            .with_error_code(*code)
            .with_error_message(Some(message.clone()))
            .with_node_id((-1).into())
            .with_port(-1),
        None => {
            let (host, port) = context.advertised();
            coordinator.with_node_id(context.node_id()).with_host(text(host)).with_port(port)
        }
    }
}
