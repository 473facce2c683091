//! Typed names of stores, and how each kind is asked.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::served::Served;
use super::{Owners, QueryError, StoreView, WindowStoreView};
use crate::store::{KeyValueStore, WindowStore};

/// The typed name of a store that [`Streams::store`](crate::Streams::store) can open.
pub trait QueryableStore {
    /// What the store is asked through.
    type View;

    #[doc(hidden)]
    fn open(self, owners: Owners) -> Result<Self::View, QueryError>;
}

/// How long somebody who asks over HTTP waits for a rebalance; then they are told to ask again.
const SERVED_PATIENCE: Duration = Duration::from_secs(2);

/// The typed name of a store that [`AppBuilder::serve`](crate::runtime::AppBuilder::serve) can show over HTTP: its keys can be
/// read from a URL, its entries written as JSON.
pub trait ServableStore: Send + 'static {
    #[doc(hidden)]
    fn open_served(self: Box<Self>, owners: Owners) -> Result<Served, QueryError>;
}

impl<K, V> QueryableStore for KeyValueStore<K, V>
where
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    type View = StoreView<K, V>;

    fn open(self, owners: Owners) -> Result<Self::View, QueryError> {
        StoreView::open(&self, owners)
    }
}

impl<K, V> QueryableStore for WindowStore<K, V>
where
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    type View = WindowStoreView<K, V>;

    fn open(self, owners: Owners) -> Result<Self::View, QueryError> {
        WindowStoreView::open(&self, owners)
    }
}

impl<K, V> ServableStore for KeyValueStore<K, V>
where
    K: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
    V: Serialize + Clone + Send + 'static,
{
    fn open_served(self: Box<Self>, owners: Owners) -> Result<Served, QueryError> {
        Ok(Served::Entries(Box::new(QueryableStore::open(*self, owners)?.routed().timeout(SERVED_PATIENCE))))
    }
}

impl<K, V> ServableStore for WindowStore<K, V>
where
    K: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
    V: Serialize + Clone + Send + 'static,
{
    fn open_served(self: Box<Self>, owners: Owners) -> Result<Served, QueryError> {
        Ok(Served::Windows(Box::new(QueryableStore::open(*self, owners)?.routed().timeout(SERVED_PATIENCE))))
    }
}
