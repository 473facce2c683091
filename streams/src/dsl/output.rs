//! Where an operator that may emit many puts its results.

/// Takes the results of a closure that may emit none, one or many. The buffer behind it is kept from record to record, so
/// results that are borrowed from the record need no collecting and cost no allocation.
#[derive(Debug)]
pub struct Output<T>(Vec<T>);

impl<T> Output<T> {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Emits one result, after those pushed before it.
    #[inline]
    pub fn push(&mut self, result: T) {
        self.0.push(result);
    }

    pub(crate) fn results(&mut self) -> std::vec::Drain<'_, T> {
        self.0.drain(..)
    }
}

impl<T> Default for Output<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Extend<T> for Output<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, results: I) {
        self.0.extend(results);
    }
}
