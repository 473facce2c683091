use futures::future::{BoxFuture, FutureExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{LocalStore, Owners, QueryError};
use crate::store::KeyValueStore;

/// A store that the program shows over HTTP, its types hidden behind JSON.
pub(crate) trait Served: Send + Sync {
    fn name(&self) -> &str;
    /// The entry of a key, the key as its type writes it: as [`range`](Self::range) has it.
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<(Value, Value)>, ServeError>>;
    fn range<'a>(&'a self, range: TextRange) -> BoxFuture<'a, Result<Vec<(Value, Value)>, ServeError>>;
    fn approximate_count(&self) -> BoxFuture<'_, Result<u64, ServeError>>;
}

/// A range as a URL says it, both ends included.
#[derive(Debug, Clone, Default)]
pub(crate) struct TextRange {
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
    pub(crate) limit: usize,
}

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    #[error(transparent)]
    Query(#[from] QueryError),
    #[error("{text:?} is no key of this store: {reason}")]
    Key { text: String, reason: String },
    #[error("the entry cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// Opens a store for serving once the application runs.
pub(crate) struct ServedStore(Box<OpenStore>);

type OpenStore = dyn FnOnce(Owners) -> Result<Box<dyn Served>, QueryError> + Send;

impl ServedStore {
    pub(crate) fn new<K, V>(store: KeyValueStore<K, V>) -> Self
    where
        K: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
        V: Serialize + Clone + Send + 'static,
    {
        let open = move |owners| {
            let store = LocalStore::open(&store, owners)?;
            Ok(Box::new(store) as Box<dyn Served>)
        };
        Self(Box::new(open))
    }

    pub(crate) fn open(self, owners: Owners) -> Result<Box<dyn Served>, QueryError> {
        (self.0)(owners)
    }
}

impl<K, V> Served for LocalStore<K, V>
where
    K: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
    V: Serialize + Clone + Send + 'static,
{
    fn name(&self) -> &str {
        LocalStore::name(self)
    }

    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<(Value, Value)>, ServeError>> {
        async move {
            let key = parse::<K>(key)?;
            let Some(value) = LocalStore::get(self, &key).await? else { return Ok(None) };
            Ok(Some((serde_json::to_value(key)?, serde_json::to_value(value)?)))
        }
        .boxed()
    }

    fn range<'a>(&'a self, range: TextRange) -> BoxFuture<'a, Result<Vec<(Value, Value)>, ServeError>> {
        use std::ops::Bound::{Included, Unbounded};
        async move {
            let bound =
                |text: Option<String>| text.map_or(Ok(Unbounded), |text| parse::<K>(&text).map(Included));
            let (from, to) = (bound(range.from)?, bound(range.to)?);
            let entries = LocalStore::range(self, (from, to), range.limit).await?;
            let json = |(key, value): (K, V)| Ok((serde_json::to_value(key)?, serde_json::to_value(value)?));
            entries.into_iter().map(json).collect()
        }
        .boxed()
    }

    fn approximate_count(&self) -> BoxFuture<'_, Result<u64, ServeError>> {
        async move { Ok(LocalStore::approximate_count(self).await?) }.boxed()
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
