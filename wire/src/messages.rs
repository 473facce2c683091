//! Requests and responses: the message crate's types, and what it lacks around them.
//!
//! The crate's own `decode` must not be called on bytes that came from a socket before they were walked
//! ([`crate::walk`]). [`decode_response`] does both; a broker walks each body once, before it looks which request it is.

use bytes::Bytes;
use kafka_protocol::protocol::{Decodable, Request};

pub use kafka_protocol::error::ResponseError;
pub use kafka_protocol::messages::*;
pub use kafka_protocol::protocol::StrBytes;

use crate::walk::{Data, WalkError, walk_data, walk_response};

/// A message that could not be decoded.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// The bytes are not such a message.
    #[error(transparent)]
    Walk(#[from] WalkError),
    /// The bytes have the message's shape, but a field has a value it cannot have, such as text that is not UTF-8.
    #[error("{message} version {version}: {reason}")]
    Decode {
        /// Name of the message.
        message: &'static str,
        /// Its version.
        version: i16,
        /// What the decoder said.
        reason: String,
    },
}

/// Decodes a response's body after walking it. Bytes fields are slices of `body`, nothing is copied.
///
/// # Errors
/// When the bytes are not such a response.
pub fn decode_response<R: Request>(version: i16, mut body: Bytes) -> Result<R::Response, MessageError> {
    walk_response(R::KEY, version, &body)?;
    R::Response::decode(&mut body, version)
        .map_err(|error| decode_error(api_name(R::KEY).unwrap_or("an unknown API"), version, &error))
}

fn decode_error(message: &'static str, version: i16, error: &dyn std::fmt::Display) -> MessageError {
    MessageError::Decode { message, version, reason: error.to_string() }
}

/// Reads what a consumer told its group: a version, then the subscription.
///
/// # Errors
/// When the bytes are not a subscription. A version above the known ones is read as the newest known, as Kafka does.
pub fn decode_subscription(bytes: Bytes) -> Result<ConsumerProtocolSubscription, MessageError> {
    decode_data(Data::ConsumerProtocolSubscription, bytes)
}

/// Reads what the leader of a group assigned: a version, then the assignment.
///
/// # Errors
/// When the bytes are not an assignment. A version above the known ones is read as the newest known, as Kafka does.
pub fn decode_assignment(bytes: Bytes) -> Result<ConsumerProtocolAssignment, MessageError> {
    decode_data(Data::ConsumerProtocolAssignment, bytes)
}

/// Newest version of the consumer's embedded protocol.
const NEWEST_CONSUMER_PROTOCOL: i16 = 3;

fn decode_data<T: Decodable>(data: Data, mut bytes: Bytes) -> Result<T, MessageError> {
    let error = |version, reason: &dyn std::fmt::Display| decode_error("consumer protocol", version, reason);
    if bytes.len() < 2 {
        return Err(error(-1, &"it is cut short"));
    }
    let version = i16::from_be_bytes([bytes[0], bytes[1]]).min(NEWEST_CONSUMER_PROTOCOL);
    let mut body = bytes.split_off(2);
    walk_data(data, version, &body)?;
    T::decode(&mut body, version).map_err(|reason| error(version, &reason))
}

/// The header version of a request: 2 where the version is flexible, else 1. An API that is not known has 1; a
/// version beyond the known ones is taken for the newest, as Kafka does.
#[must_use]
pub fn request_header_version(api_key: i16, version: i16) -> i16 {
    if crate::walk::is_flexible(api_key, version) { 2 } else { 1 }
}

/// The header version of a response: 1 where the version is flexible, else 0; always 0 for `ApiVersions`, whose
/// answer must be readable before versions are known.
#[must_use]
pub fn response_header_version(api_key: i16, version: i16) -> i16 {
    if api_key == ApiKey::ApiVersions as i16 {
        return 0;
    }
    request_header_version(api_key, version) - 1
}

/// The name of an API, such as `Produce`, also of those that are not served.
#[must_use]
pub fn api_name(api_key: i16) -> Option<&'static str> {
    crate::walk::name(api_key)
}

#[cfg(test)]
mod tests {
    use bytes::{BufMut as _, BytesMut};
    use kafka_protocol::protocol::Encodable;

    use super::*;

    #[test]
    fn header_versions_are_those_of_the_crate() {
        for key in ApiKey::iter() {
            let known = key.valid_versions();
            for version in known.min..=known.max {
                let (request, response) =
                    (key.request_header_version(version), key.response_header_version(version));
                assert_eq!(request_header_version(key as i16, version), request, "{key:?} {version}");
                assert_eq!(response_header_version(key as i16, version), response, "{key:?} {version}");
            }
        }
    }

    #[test]
    fn a_response_is_walked_and_decoded() {
        let response = MetadataResponse::default().with_controller_id(BrokerId(3));
        let mut body = BytesMut::new();
        response.encode(&mut body, 9).unwrap();
        assert_eq!(decode_response::<MetadataRequest>(9, body.freeze()).unwrap(), response);
        let lie = Bytes::from_static(&[0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x07]);
        assert!(matches!(decode_response::<MetadataRequest>(9, lie), Err(MessageError::Walk(_))));
    }

    #[test]
    fn a_subscription_from_the_future_is_read_as_the_newest_known() {
        let subscription =
            ConsumerProtocolSubscription::default().with_topics(vec![StrBytes::from_static_str("t")]);
        let mut body = BytesMut::new();
        body.put_i16(9);
        subscription.encode(&mut body, NEWEST_CONSUMER_PROTOCOL).unwrap();
        body.put_slice(b"fields of version 9");
        assert_eq!(decode_subscription(body.freeze()).unwrap(), subscription);
        assert!(decode_subscription(Bytes::from_static(&[0])).is_err());
        assert!(decode_assignment(Bytes::from_static(&[0, 0, 0x7f, 0xff, 0xff, 0xff])).is_err());
    }

    #[test]
    fn apis_have_names() {
        assert_eq!(api_name(0), Some("Produce"));
        assert_eq!(api_name(88), Some("StreamsGroupHeartbeat"));
        assert_eq!(api_name(4), None);
    }
}
