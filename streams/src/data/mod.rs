//! What keys and values are: [`Data`], and how the common types are written.

mod bytes;
mod error;
mod json;
mod null;
mod number;
mod text;
mod utf8;
mod uuid;

pub use error::DataError;
pub use json::Json;
pub use text::Text;

/// Implements [`Data`](trait@Data): `#[data(json)]` as JSON through serde, `#[data(transparent)]` as the only field.
///
/// ```
/// use millstream::data::Data;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Data)]
/// #[data(json)]
/// struct Request {
///     path: String,
///     ms: u64,
/// }
///
/// #[derive(Clone, Data)]
/// #[data(transparent)]
/// struct UserId(String);
///
/// let mut bytes = Vec::new();
/// Request { path: "/".into(), ms: 3 }.encode(&mut bytes)?;
/// assert_eq!(bytes, br#"{"path":"/","ms":3}"#);
/// assert_eq!(Request::decode(&bytes)?.ms, 3);
/// assert_eq!(UserId::decode(b"ada")?.0, "ada");
/// # Ok::<(), millstream::data::DataError>(())
/// ```
pub use millstream_derive::Data;

#[doc(hidden)]
pub use json::{decode_json, encode_json};

/// A type that can be the key or the value of a record.
///
/// It knows its own bytes, the ones that Kafka's Java serdes write where there is one, so that topics, repartition topics and
/// stores need no serde said. `#[derive(Data)] #[data(json)]` implements it for a type that serde knows;
/// [`Topic::with`](crate::Topic::with) takes other serdes for one topic.
///
/// Nulls are in the type: a record without a key is read only as `Option<K>`, a tombstone only as `Option<V>`. Where the
/// type is no `Option`, a null does not decode.
///
/// ```
/// use millstream::data::{Data, DataError};
///
/// #[derive(Clone)]
/// struct Celsius(f64);
///
/// impl Data for Celsius {
///     type Present = Self;
///     fn encode(&self, out: &mut Vec<u8>) -> Result<(), DataError> {
///         self.0.encode(out)
///     }
///     fn decode(bytes: &[u8]) -> Result<Self, DataError> {
///         f64::decode(bytes).map(Self)
///     }
///     fn into_present(self) -> Option<Self> {
///         Some(self)
///     }
///     fn from_present(present: Option<Self>) -> Option<Self> {
///         present
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a key or a value: it does not implement `Data`",
    label = "no bytes are known for this type",
    note = "derive it: `#[derive(Clone, Serialize, Deserialize, Data)] #[data(json)]`, or give the serdes of one topic with `Topic::with(name, key_serde, value_serde)`"
)]
pub trait Data: Clone + Send + 'static {
    /// What is left when null is ruled out: `T` for `Option<T>`, `Self` for everything else. Grouping yields present keys
    /// and values; missing ones are dropped and counted, as Kafka does.
    type Present: Data<Present = Self::Present>;

    /// Appends the bytes of a value that is not null.
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), DataError>;

    /// Reads what [`encode`](Self::encode) wrote.
    fn decode(bytes: &[u8]) -> Result<Self, DataError>;

    /// The value, unless it is null.
    fn into_present(self) -> Option<Self::Present>;

    /// The way back; `None` for a missing value where the type has no null.
    fn from_present(present: Option<Self::Present>) -> Option<Self>;

    /// Whether this is written as null.
    fn is_null(&self) -> bool {
        false
    }
}
