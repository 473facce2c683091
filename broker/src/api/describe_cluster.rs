//! DescribeCluster: this node.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::{DescribeClusterRequest, DescribeClusterResponse};

use crate::api::operations::{CLUSTER_OPERATIONS, if_asked};
use crate::api::{RequestContext, text};

/// `EndpointType` of brokers.
const BROKERS: i8 = 1;
/// That of controllers, which have no endpoint of their own here.
const CONTROLLERS: i8 = 2;

pub(crate) async fn handle(
    context: &RequestContext,
    request: DescribeClusterRequest,
) -> DescribeClusterResponse {
    let operations = if_asked(request.include_cluster_authorized_operations, CLUSTER_OPERATIONS);
    let response = DescribeClusterResponse::default()
        .with_cluster_id(text(context.broker.logs.cluster_id()))
        .with_controller_id(context.node_id())
        .with_cluster_authorized_operations(operations)
        .with_endpoint_type(request.endpoint_type);
    let refused = |error: ResponseError, message: &str| {
        let response = response.clone().with_controller_id((-1).into());
        response.with_error_code(error.code()).with_error_message(Some(text(message)))
    };
    match request.endpoint_type {
        BROKERS => {}
        CONTROLLERS => {
            let message = "The request was sent to an endpoint of type BROKER.";
            return refused(ResponseError::MismatchedEndpointType, message);
        }
        other => {
            let message = format!("Unsupported endpoint type {other}.");
            return refused(ResponseError::UnsupportedEndpointType, &message);
        }
    }
    let (host, port) = context.advertised();
    let broker = DescribeClusterBroker::default()
        .with_broker_id(context.node_id())
        .with_host(text(host))
        .with_port(port);
    response.with_brokers(vec![broker])
}
