//! Serdes by hand, for formats other than the type's own.

mod changed;
mod handle;
mod native;
mod nullable;
mod windowed;

pub(crate) use changed::Changed;
pub(crate) use handle::SerdeHandle;
pub use native::Native;
pub(crate) use nullable::Nullable;
pub use windowed::TimeWindowedSerde;

use crate::data::DataError;

/// Writes and reads one type for one topic or store, where the type's own bytes ([`Data`](crate::data::Data)) are not the
/// ones wanted, or where the type has none.
///
/// ```
/// use millstream::data::DataError;
/// use millstream::serde::{Native, Serde};
/// use millstream::Topic;
///
/// /// A number as decimal text.
/// struct Decimal;
///
/// impl Serde<i64> for Decimal {
///     fn encode(&self, value: &i64, out: &mut Vec<u8>) -> Result<bool, DataError> {
///         out.extend_from_slice(value.to_string().as_bytes());
///         Ok(true)
///     }
///     fn decode(&self, bytes: Option<&[u8]>) -> Result<i64, DataError> {
///         let text = std::str::from_utf8(bytes.ok_or(DataError::Null)?)?;
///         text.parse().map_err(DataError::format)
///     }
/// }
///
/// let topic: Topic<String, i64> = Topic::with("counts", Native, Decimal);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no serde of `{T}`",
    note = "`Native` stands for the type's own bytes and needs `{T}: Data`"
)]
pub trait Serde<T>: Send + Sync {
    /// Appends the bytes of `value` to `out`. `false`: the value is null and nothing was appended.
    fn encode(&self, value: &T, out: &mut Vec<u8>) -> Result<bool, DataError>;

    /// Reads a value; `None` is null.
    fn decode(&self, bytes: Option<&[u8]>) -> Result<T, DataError>;

    /// How many bytes at the end of a key have no say in its partition: the window of a windowed key, so that all windows of
    /// a key are together (Kafka's `WindowedStreamPartitioner`).
    fn unpartitioned_suffix(&self) -> usize {
        0
    }
}
