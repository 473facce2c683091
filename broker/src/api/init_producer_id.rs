//! InitProducerId: an id for an idempotent producer. Transactions are not served yet.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse, ProducerId};

use crate::api::RequestContext;

pub(crate) async fn handle(
    context: &RequestContext,
    request: InitProducerIdRequest,
) -> InitProducerIdResponse {
    let unknown = InitProducerIdResponse::default().with_producer_id(ProducerId(-1)).with_producer_epoch(-1);
    if let Some(transactional_id) = &request.transactional_id {
        if transactional_id.is_empty() {
            return unknown.with_error_code(ResponseError::InvalidRequest.code());
        }
        tracing::warn!(
            "producer {} asked for transactional id {}: this broker serves no transactions yet",
            context.client_id(),
            transactional_id.as_str()
        );
        return unknown.with_error_code(ResponseError::TransactionalIdAuthorizationFailed.code());
    }
    match context.broker.metadata.next_producer_id().await {
        Ok(id) => InitProducerIdResponse::default().with_producer_id(ProducerId(id)).with_producer_epoch(0),
        Err(error) => {
            tracing::error!("no producer id: {error}");
            unknown.with_error_code(error.code().code())
        }
    }
}
