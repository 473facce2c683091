//! What becomes of combined records that are late.

use std::cell::RefCell;

use crate::dsl::KStream;
use crate::dsl::windowed::Late;

/// Late partials are counted as dropped, and nothing else.
#[derive(Debug, Default)]
pub struct NoLate;

/// Late partials of type `P` are taken, by the first aggregation of the grouping.
pub struct WithLate<K, P>(RefCell<Option<Late<K, P>>>);

impl<K, P> WithLate<K, P> {
    pub(super) fn new(draw: impl FnOnce(KStream<K, P>) + 'static) -> Self {
        Self(RefCell::new(Some(Box::new(draw))))
    }
}

/// Whether an aggregation whose partials are `P` has its late ones taken: [`NoLate`], or [`WithLate`] of just these.
pub trait LateOf<K, P>: sealed::Sealed<K, P> {}

impl<K, P, L: sealed::Sealed<K, P>> LateOf<K, P> for L {}

pub(super) mod sealed {
    use super::{Late, NoLate, WithLate};

    pub trait Sealed<K, P> {
        /// What takes them, the first time that it is asked.
        fn take(&self) -> Option<Late<K, P>>;
    }

    impl<K, P> Sealed<K, P> for NoLate {
        fn take(&self) -> Option<Late<K, P>> {
            None
        }
    }

    impl<K, P> Sealed<K, P> for WithLate<K, P> {
        fn take(&self) -> Option<Late<K, P>> {
            self.0.take()
        }
    }
}
