//! Requests and responses: the message crate's types, and the only way to decode them.
//!
//! [`decode_request`] and [`decode_response`] walk the bytes first ([`crate::walk`]); the crate's own `decode` must
//! not be called on bytes that came from a socket.

use std::ops::RangeInclusive;

use bytes::{BufMut as _, Bytes, BytesMut};
use kafka_protocol::protocol::{Decodable, Encodable, Request};

pub use kafka_protocol::error::ResponseError;
pub use kafka_protocol::messages::*;
pub use kafka_protocol::protocol::StrBytes;

use crate::frame::LENGTH_LEN;
use crate::walk::{Data, WalkError, walk_data, walk_request, walk_response};

/// A message that could not be decoded or encoded.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// The bytes are not such a message.
    #[error(transparent)]
    Walk(#[from] WalkError),
    /// The bytes have the message's shape, but a field has a value it cannot have, such as text that is not UTF-8.
    #[error("API key {api_key} version {version}: {reason}")]
    Decode {
        /// The message's API.
        api_key: i16,
        /// Its version.
        version: i16,
        /// What the decoder said.
        reason: String,
    },
    /// A field is set that this version cannot carry.
    #[error("API key {api_key} version {version} cannot be written: {reason}")]
    Encode {
        /// The message's API.
        api_key: i16,
        /// The version that was asked for.
        version: i16,
        /// What the encoder said.
        reason: String,
    },
    /// A message over 2 GiB.
    #[error("a message of {0} bytes does not fit a frame")]
    TooLong(usize),
}

/// Decodes a request's body after walking it. Bytes fields are slices of `body`, nothing is copied.
///
/// # Errors
/// When the bytes are not such a request.
pub fn decode_request<R: Request>(version: i16, mut body: Bytes) -> Result<R, MessageError> {
    walk_request(R::KEY, version, &body)?;
    R::decode(&mut body, version).map_err(|error| decode_error(R::KEY, version, &error))
}

/// Decodes a response's body after walking it. Bytes fields are slices of `body`, nothing is copied.
///
/// # Errors
/// When the bytes are not such a response.
pub fn decode_response<R: Request>(version: i16, mut body: Bytes) -> Result<R::Response, MessageError> {
    walk_response(R::KEY, version, &body)?;
    R::Response::decode(&mut body, version).map_err(|error| decode_error(R::KEY, version, &error))
}

fn decode_error(api_key: i16, version: i16, error: &dyn std::fmt::Display) -> MessageError {
    MessageError::Decode { api_key, version, reason: error.to_string() }
}

/// Appends a whole request frame: length, header, body.
///
/// # Errors
/// When a field is set that the version cannot carry; `out` is then as it was.
pub fn encode_request<R: Request>(
    version: i16,
    correlation_id: i32,
    client_id: Option<&str>,
    request: &R,
    out: &mut BytesMut,
) -> Result<(), MessageError> {
    let header = RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .with_correlation_id(correlation_id)
        .with_client_id(client_id.map(|id| StrBytes::from_string(id.to_owned())));
    encode(R::KEY, version, &header, request_header_version(R::KEY, version), request, out)
}

/// Appends a whole response frame: length, header, body.
///
/// # Errors
/// When a field is set that the version cannot carry; `out` is then as it was.
pub fn encode_response<R: Request>(
    version: i16,
    correlation_id: i32,
    response: &R::Response,
    out: &mut BytesMut,
) -> Result<(), MessageError> {
    let header = ResponseHeader::default().with_correlation_id(correlation_id);
    encode(R::KEY, version, &header, response_header_version(R::KEY, version), response, out)
}

fn encode(
    api_key: i16,
    version: i16,
    header: &impl Encodable,
    header_version: i16,
    body: &impl Encodable,
    out: &mut BytesMut,
) -> Result<(), MessageError> {
    let start = out.len();
    out.put_i32(0);
    let written = header.encode(out, header_version).and_then(|()| body.encode(out, version));
    let length = out.len() - start - LENGTH_LEN;
    let result = match (written, i32::try_from(length)) {
        (Err(error), _) => Err(MessageError::Encode { api_key, version, reason: error.to_string() }),
        (Ok(()), Err(_)) => Err(MessageError::TooLong(length)),
        (Ok(()), Ok(length)) => {
            out[start..start + LENGTH_LEN].copy_from_slice(&length.to_be_bytes());
            return Ok(());
        }
    };
    out.truncate(start);
    result
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
    let error = |version, reason: &dyn std::fmt::Display| decode_error(-1, version, reason);
    if bytes.len() < 2 {
        return Err(error(-1, &"the version is cut short"));
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

/// Versions of an API that this crate can read and write; `None` if it knows none.
#[must_use]
pub fn supported_versions(api_key: i16) -> Option<RangeInclusive<i16>> {
    let crate_knows = ApiKey::try_from(api_key).ok()?.valid_versions();
    let (lowest, highest) = crate::walk::versions(api_key)?.into_inner();
    Some(crate_knows.min.max(lowest)..=crate_knows.max.min(highest))
}

/// The name of an API, such as `Produce`, also of those that are not served.
#[must_use]
pub fn api_name(api_key: i16) -> Option<&'static str> {
    crate::walk::name(api_key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::parse_response;

    #[test]
    fn header_versions_are_those_of_the_crate() {
        for key in ApiKey::iter() {
            let number = key as i16;
            for version in supported_versions(number).unwrap() {
                assert_eq!(
                    request_header_version(number, version),
                    key.request_header_version(version),
                    "{key:?}"
                );
                assert_eq!(
                    response_header_version(number, version),
                    key.response_header_version(version),
                    "{key:?}"
                );
            }
        }
    }

    #[test]
    fn a_response_frame_round_trips() {
        let response = MetadataResponse::default().with_controller_id(BrokerId(3));
        let mut out = BytesMut::from(&b"before"[..]);
        encode_response::<MetadataRequest>(9, 77, &response, &mut out).unwrap();
        let frame = out.split_off(6).freeze();
        assert_eq!(i32::from_be_bytes([frame[0], frame[1], frame[2], frame[3]]) as usize, frame.len() - 4);
        let (correlation_id, body) = parse_response(3, 9, &frame[4..]).unwrap();
        assert_eq!(correlation_id, 77);
        assert_eq!(decode_response::<MetadataRequest>(9, frame.slice_ref(body)).unwrap(), response);
    }

    #[test]
    fn what_a_version_cannot_carry_leaves_nothing_behind() {
        let request =
            ProduceRequest::default().with_transactional_id(Some(StrBytes::from_static_str("t").into()));
        let mut out = BytesMut::from(&b"before"[..]);
        assert!(encode_request(99, 1, Some("c"), &request, &mut out).is_err());
        assert_eq!(&out[..], b"before");
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
        assert_eq!(supported_versions(0), Some(3..=13));
        assert_eq!(supported_versions(88), None);
    }
}
