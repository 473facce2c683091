//! Who the producer is to the brokers (KIP-98).

use kafka_protocol::messages::{InitProducerIdRequest, ProducerId as WireProducerId};
use millstream_wire::ids::{ProducerEpoch, ProducerId};

use crate::Result;
use crate::producer::accumulator::Accumulator;
use crate::producer::flow::Identity;

/// Asks for a producer id until a broker gives one, or says that it never will.
pub(super) async fn identify(shared: &Accumulator) -> Result<Identity> {
    let mut failures = 0;
    loop {
        let error = match ask_identity(shared).await {
            Ok(identity) => return Ok(identity),
            Err(error) => error,
        };
        if !error.is_retriable() {
            return Err(error);
        }
        failures += 1;
        tracing::debug!(%error, failures, "no producer id yet");
        tokio::time::sleep(shared.cluster.retry_backoff().delay(failures)).await;
    }
}

async fn ask_identity(shared: &Accumulator) -> Result<Identity> {
    let request = InitProducerIdRequest::default()
        .with_transactional_id(None)
        .with_transaction_timeout_ms(i32::MAX)
        .with_producer_id(WireProducerId(-1))
        .with_producer_epoch(-1);
    let response = shared.cluster.any().await?.call(&request).await?;
    crate::error::check(response.error_code, || "InitProducerId".to_owned())?;
    Ok(Identity { id: ProducerId(response.producer_id.0), epoch: ProducerEpoch(response.producer_epoch) })
}
