//! A broker of a few lines, for what a real one does not do on order.

use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::{ApiVersionsResponse, MetadataResponse};
use kafka_protocol::protocol::Encodable;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::ErrorCode;

/// How it misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// Refuses every ApiVersions but version 0.
    OldVersions,
    /// Asks for an hour of silence with every Metadata.
    Throttles,
    /// Answers Metadata with a wrong correlation id.
    WrongCorrelation,
    /// Never answers Metadata.
    Silent,
    /// Speaks another protocol.
    Http,
}

const API_VERSIONS: i16 = 18;

/// Starts it and gives its address.
pub(super) async fn start(manner: Manner) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, manner));
        }
    });
    address
}

async fn serve(mut stream: TcpStream, manner: Manner) -> std::io::Result<()> {
    loop {
        let length = stream.read_i32().await? as usize;
        let mut frame = vec![0; length];
        stream.read_exact(&mut frame).await?;
        if manner == Manner::Http {
            return stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
        let mut header = Bytes::from(frame);
        let (key, version, mut correlation) = (header.get_i16(), header.get_i16(), header.get_i32());
        let mut body = BytesMut::new();
        if key == API_VERSIONS {
            api_versions(manner, version, &mut body);
        } else if manner == Manner::Silent {
            continue;
        } else {
            let throttle = if manner == Manner::Throttles { 3_600_000 } else { 0 };
            MetadataResponse::default().with_throttle_time_ms(throttle).encode(&mut body, version).unwrap();
            if manner == Manner::WrongCorrelation {
                correlation += 7;
            }
        }
        stream.write_i32(4 + body.len() as i32).await?;
        stream.write_i32(correlation).await?;
        stream.write_all(&body).await?;
    }
}

fn api_versions(manner: Manner, version: i16, body: &mut BytesMut) {
    let api = |key, max| ApiVersion::default().with_api_key(key).with_min_version(0).with_max_version(max);
    // Metadata below the flexible versions: its answers then have no tags in their header.
    let response = ApiVersionsResponse::default().with_api_keys(vec![api(API_VERSIONS, 4), api(3, 7)]);
    if manner == Manner::OldVersions && version > 0 {
        let refused = response.with_error_code(ErrorCode::UnsupportedVersion.code());
        return refused.encode(body, 0).unwrap();
    }
    response.encode(body, version).unwrap();
}
