use std::ops::Bound;

use futures::future::{BoxFuture, FutureExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::store::with_prefix;
use super::{Answer, QueryError, StoreView, WindowStoreView};
use crate::window::{Window, Windowed};

/// A store that the program shows over HTTP, its types hidden behind JSON.
pub enum Served {
    Entries(Box<dyn ServedEntries>),
    Windows(Box<dyn ServedWindows>),
}

impl Served {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Entries(store) => store.name(),
            Self::Windows(store) => store.name(),
        }
    }

    pub(crate) async fn approximate_count(&self) -> Result<u64, ServeError> {
        match self {
            Self::Entries(store) => store.approximate_count().await,
            Self::Windows(store) => store.approximate_count().await,
        }
    }
}

/// A key-value store.
pub trait ServedEntries: Send + Sync {
    fn name(&self) -> &str;
    /// The entry of a key, the key as its type writes it: as [`range`](Self::range) has it.
    fn get<'a>(&'a self, key: &'a str, stale: Option<u64>) -> Asked<'a, Option<(Value, Value)>>;
    fn range(&self, range: TextRange) -> Asked<'_, Vec<(Value, Value)>>;
    fn approximate_count(&self) -> BoxFuture<'_, Result<u64, ServeError>>;
}

/// A window store.
pub trait ServedWindows: Send + Sync {
    fn name(&self) -> &str;
    /// A key as its type writes it, and its windows: `{"start": 0, "end": 60000, "value": 1}`.
    fn of_key<'a>(&'a self, key: &'a str, span: TextSpan) -> Asked<'a, (Value, Vec<Value>)>;
    /// The windows of all keys: `{"key": "a", "start": 0, "end": 60000, "value": 1}`.
    fn of_all(&self, span: TextSpan) -> Asked<'_, Vec<Value>>;
    fn approximate_count(&self) -> BoxFuture<'_, Result<u64, ServeError>>;
}

/// An answer on its way.
pub(super) type Asked<'a, T> = BoxFuture<'a, Result<Answer<T>, ServeError>>;

/// A span of starts of windows as a URL says it.
#[derive(Debug, Clone)]
pub struct TextSpan {
    pub(crate) starts: (Bound<i64>, Bound<i64>),
    /// The start and the key of the window to go on behind.
    pub(crate) after: Option<(i64, String)>,
    pub(crate) reverse: bool,
    pub(crate) limit: usize,
    /// How many records behind a standby may be to answer.
    pub(crate) stale: Option<u64>,
}

/// A range as a URL says it, both ends included.
#[derive(Debug, Clone, Default)]
pub struct TextRange {
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
    /// What the bytes of the keys begin with.
    pub(crate) prefix: Option<String>,
    /// The key to go on behind.
    pub(crate) after: Option<String>,
    pub(crate) reverse: bool,
    pub(crate) limit: usize,
    /// How many records behind a standby may be to answer.
    pub(crate) stale: Option<u64>,
}

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error(transparent)]
    Query(#[from] QueryError),
    #[error("{0}")]
    Form(String),
    #[error("{text:?} is no key of this store: {reason}")]
    Key { text: String, reason: String },
    #[error("the entry cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl<K, V> ServedEntries for StoreView<K, V>
where
    K: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
    V: Serialize + Clone + Send + 'static,
{
    fn name(&self) -> &str {
        StoreView::name(self)
    }

    fn get<'a>(&'a self, key: &'a str, stale: Option<u64>) -> Asked<'a, Option<(Value, Value)>> {
        async move {
            let key = parse::<K>(key)?;
            let answer = self.if_stale(stale).get(&key).answer().await?;
            answer.try_map(|value| {
                let json = |value| Ok((serde_json::to_value(key)?, serde_json::to_value(value)?));
                value.map(json).transpose()
            })
        }
        .boxed()
    }

    fn range(&self, range: TextRange) -> Asked<'_, Vec<(Value, Value)>> {
        use std::ops::Bound::{Included, Unbounded};
        async move {
            let TextRange { from, to, prefix, after, reverse, limit, stale } = range;
            let bound =
                |text: Option<String>| text.map_or(Ok(Unbounded), |text| parse::<K>(&text).map(Included));
            let read = match prefix {
                Some(prefix) => with_prefix(prefix.as_bytes()),
                None => self.with_keys(&(bound(from)?, bound(to)?))?,
            };
            let after =
                after.map(|after| Ok::<_, ServeError>(self.bytes(&parse::<K>(&after)?)?)).transpose()?;
            let entries = self.if_stale(stale).entries(Ok((read, after)), reverse, limit).answer().await?;
            let json = |(key, value): (K, V)| Ok((serde_json::to_value(key)?, serde_json::to_value(value)?));
            entries.try_map(|entries| entries.into_iter().map(json).collect())
        }
        .boxed()
    }

    fn approximate_count(&self) -> BoxFuture<'_, Result<u64, ServeError>> {
        async move { Ok(StoreView::approximate_count(self).await?) }.boxed()
    }
}

impl<K, V> ServedWindows for WindowStoreView<K, V>
where
    K: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
    V: Serialize + Clone + Send + 'static,
{
    fn name(&self) -> &str {
        WindowStoreView::name(self)
    }

    fn of_key<'a>(&'a self, key: &'a str, span: TextSpan) -> Asked<'a, (Value, Vec<Value>)> {
        async move {
            let (key, view) = (parse::<K>(key)?, self.if_stale(span.stale));
            let windows = view.of_key(&key, &span.starts, span.reverse, span.limit);
            windows.answer().await?.try_map(|windows| {
                let json = windows.into_iter().map(|(window, value)| {
                    let value = serde_json::to_value(value)?;
                    Ok(json!({ "start": window.start, "end": window.end, "value": value }))
                });
                let windows = json.collect::<Result<_, ServeError>>()?;
                Ok((serde_json::to_value(key)?, windows))
            })
        }
        .boxed()
    }

    fn of_all(&self, span: TextSpan) -> Asked<'_, Vec<Value>> {
        async move {
            let TextSpan { starts, after, reverse, limit, stale } = span;
            let behind = |(start, key): (i64, String)| {
                Ok::<_, ServeError>(Windowed::new(parse::<K>(&key)?, Window::of_size(start, 0)))
            };
            let after = after.map(behind).transpose()?;
            let entries = self.if_stale(stale).of_all(after, &starts, reverse, limit).answer().await?;
            entries.try_map(|entries| {
                let json = entries.into_iter().map(|(Windowed { key, window }, value)| {
                    let (key, value) = (serde_json::to_value(key)?, serde_json::to_value(value)?);
                    Ok(json!({ "key": key, "start": window.start, "end": window.end, "value": value }))
                });
                json.collect()
            })
        }
        .boxed()
    }

    fn approximate_count(&self) -> BoxFuture<'_, Result<u64, ServeError>> {
        async move { Ok(WindowStoreView::approximate_count(self).await?) }.boxed()
    }
}

/// A key in a URL is its text where the type takes a text, else JSON: `whale`, `42`, `{"user":7}`.
fn parse<K: DeserializeOwned>(text: &str) -> Result<K, ServeError> {
    let as_text = serde_json::from_value(Value::String(text.to_owned()));
    as_text
        .or_else(|_| serde_json::from_str(text))
        .map_err(|error| ServeError::Key { text: text.to_owned(), reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn keys_are_texts_or_json() {
        assert_eq!(parse::<String>("whale").unwrap(), "whale");
        assert_eq!(parse::<String>("42").unwrap(), "42");
        assert_eq!(parse::<i64>("42").unwrap(), 42);
        assert_eq!(parse::<(u8, u8)>("[1,2]").unwrap(), (1, 2));
        assert!(parse::<i64>("whale").unwrap_err().to_string().contains("\"whale\" is no key"));
    }
}
