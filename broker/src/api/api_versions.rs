//! ApiVersions: what this broker serves.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::{ApiKey, ApiVersionsRequest, ApiVersionsResponse};

use crate::api::{NONE, RequestContext, SERVED, Served};

pub(crate) async fn handle(context: &RequestContext, request: ApiVersionsRequest) -> ApiVersionsResponse {
    // Since version 3 a client says who it is; Kafka refuses names that could not be part of a metric's name.
    if context.version() >= 3 && !is_software_name(&request) {
        return response(ResponseError::InvalidRequest.code());
    }
    response(NONE)
}

/// The answer to a version that this broker does not know, in version 0.
pub(crate) fn unsupported() -> ApiVersionsResponse {
    response(ResponseError::UnsupportedVersion.code())
}

fn response(error_code: i16) -> ApiVersionsResponse {
    let mut api_keys: Vec<ApiVersion> = SERVED.iter().map(advertised).collect();
    api_keys.sort_by_key(|api| api.api_key);
    ApiVersionsResponse::default()
        .with_error_code(error_code)
        .with_api_keys(api_keys)
        .with_finalized_features_epoch(-1)
}

fn advertised(row: &Served) -> ApiVersion {
    // librdkafka before 2.8 sends no produce at all unless version 0 is advertised (KAFKA-18659).
    let min = if row.api_key == ApiKey::Produce { 0 } else { row.min };
    ApiVersion::default().with_api_key(row.api_key as i16).with_min_version(min).with_max_version(row.max)
}

fn is_software_name(request: &ApiVersionsRequest) -> bool {
    let is_word = |text: &str| {
        let (Some(first), Some(last)) = (text.bytes().next(), text.bytes().last()) else { return false };
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
        first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() && text.bytes().all(inner)
    };
    is_word(&request.client_software_name) && is_word(&request.client_software_version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn produce_is_advertised_from_version_zero_for_librdkafka() {
        let response = response(NONE);
        let produce = response.api_keys.iter().find(|api| api.api_key == 0).unwrap();
        assert_eq!((produce.min_version, produce.max_version), (0, 13));
    }
}
