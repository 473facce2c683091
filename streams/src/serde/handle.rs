//! A serde that can stand in a `const`.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use std::time::Duration;

use super::windowed::Inline;
use super::{Native, Serde};
use crate::data::Data;
use crate::window::Windowed;

/// A serde shared by every task that uses it. All but `Shared` exist so that typed names can be constants.
pub(crate) enum SerdeHandle<T: 'static> {
    Static(&'static dyn Serde<T>),
    Shared(Arc<dyn Serde<T>>),
    Windowed(Inline<T>),
}

impl<T: Data> SerdeHandle<T> {
    pub(crate) const fn native() -> Self {
        Self::Static(&Native)
    }
}

impl<K: Data> SerdeHandle<Windowed<K>> {
    pub(crate) const fn windowed(size: Duration) -> Self {
        Self::Windowed(Inline::<Windowed<K>>::new(size))
    }
}

impl<T> SerdeHandle<T> {
    pub(crate) fn shared(serde: impl Serde<T> + 'static) -> Self {
        Self::Shared(Arc::new(serde))
    }
}

impl<T> Deref for SerdeHandle<T> {
    type Target = dyn Serde<T>;

    fn deref(&self) -> &Self::Target {
        match self {
            Self::Static(serde) => *serde,
            Self::Shared(serde) => &**serde,
            Self::Windowed(serde) => serde,
        }
    }
}

impl<T> Clone for SerdeHandle<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Static(serde) => Self::Static(*serde),
            Self::Shared(serde) => Self::Shared(Arc::clone(serde)),
            Self::Windowed(serde) => Self::Windowed(*serde),
        }
    }
}

impl<T> fmt::Debug for SerdeHandle<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Static(_) => "Native",
            Self::Shared(_) => "Custom",
            Self::Windowed(_) => "Windowed",
        })
    }
}
