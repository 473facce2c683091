//! DescribeCluster: this node.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::{DescribeClusterRequest, DescribeClusterResponse};

use crate::api::operations::{CLUSTER_OPERATIONS, if_asked};
use crate::api::{RequestContext, text};

/// `EndpointType` of brokers; 2 asks for controllers, which have no endpoint of their own here.
const BROKERS: i8 = 1;

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
    if request.endpoint_type != BROKERS {
        return response
            .with_error_code(ResponseError::MismatchedEndpointType.code())
            .with_error_message(Some(text("The request was sent to an endpoint of type BROKER.")));
    }
    let (host, port) = context.advertised();
    let broker = DescribeClusterBroker::default()
        .with_broker_id(context.node_id())
        .with_host(text(host))
        .with_port(port);
    response.with_brokers(vec![broker])
}
