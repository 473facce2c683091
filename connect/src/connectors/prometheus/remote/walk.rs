//! A request is walked before it is decoded: what its messages would take in memory is known before any of it is.

use prost::bytes::Buf;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

use super::Refusal;

/// How much of everything one request may carry. Each message is a few bytes on the wire and some fifty in memory, so
/// that the size of a request alone bounds nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Bytes of a request once it is decompressed.
    pub(crate) bytes: usize,
    pub(crate) series: usize,
    pub(crate) samples: usize,
    /// Of all series of a request together.
    pub(crate) labels: usize,
}

/// What was found in a request.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) series: usize,
    pub(crate) samples: usize,
    pub(crate) labels: usize,
}

impl Limits {
    fn hold(&self, counts: &Counts) -> Result<(), Refusal> {
        for (what, count, max) in [
            ("series", counts.series, self.series),
            ("samples", counts.samples, self.samples),
            ("labels", counts.labels, self.labels),
        ] {
            if count > max {
                return Err(Refusal::TooMany { what, max });
            }
        }
        Ok(())
    }
}

/// Counts what `request` holds; stops at what is beyond `limits` or is no request.
pub(crate) fn walk(request: &[u8], limits: &Limits) -> Result<Counts, Refusal> {
    let mut counts = Counts::default();
    fields(request, |tag, field| {
        if tag != 1 {
            return Ok(());
        }
        counts.series += 1;
        fields(field, |tag, _| {
            match tag {
                1 => counts.labels += 1,
                2 => counts.samples += 1,
                _ => {}
            }
            limits.hold(&counts)
        })?;
        limits.hold(&counts)
    })?;
    Ok(counts)
}

/// Calls `each` with the number and the bytes of every field of a message that has a length, and checks the rest.
fn fields(
    mut message: &[u8],
    mut each: impl FnMut(u32, &[u8]) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    while message.has_remaining() {
        let (tag, wire_type) = decode_key(&mut message).map_err(Refusal::message)?;
        if wire_type != WireType::LengthDelimited {
            skip_field(wire_type, tag, &mut message, DecodeContext::default()).map_err(Refusal::message)?;
            continue;
        }
        let length = decode_varint(&mut message).map_err(Refusal::message)?;
        let field = usize::try_from(length).ok().and_then(|length| message.split_at_checked(length));
        let (field, rest) = field.ok_or(Refusal::Short)?;
        message = rest;
        each(tag, field)?;
    }
    Ok(())
}
