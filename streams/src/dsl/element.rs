//! What may travel through a topology.

/// A type of keys or values between two nodes: anything that can be cloned and sent. Only where bytes are needed, at topics,
/// groupings and stores, must it be [`Data`](crate::data::Data) too.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot travel through a topology",
    note = "keys and values own what they hold: they are `Clone + Send + 'static`, so a closure returns `String`, not `&str`"
)]
pub trait Element: Clone + Send + 'static {}

impl<T: Clone + Send + 'static> Element for T {}
