//! A serde that can stand in a `const`.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use super::{Native, Serde};
use crate::data::Data;

/// A serde shared by every task that uses it. `Static` exists so that typed names can be constants.
pub(crate) enum SerdeHandle<T: 'static> {
    Static(&'static dyn Serde<T>),
    Shared(Arc<dyn Serde<T>>),
}

impl<T: Data> SerdeHandle<T> {
    pub(crate) const fn native() -> Self {
        Self::Static(&Native)
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
        }
    }
}

impl<T> Clone for SerdeHandle<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Static(serde) => Self::Static(*serde),
            Self::Shared(serde) => Self::Shared(Arc::clone(serde)),
        }
    }
}

impl<T> fmt::Debug for SerdeHandle<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Static(_) => "Native",
            Self::Shared(_) => "Custom",
        })
    }
}
