//! `#[derive(Data)]` for Millstream.

mod data;

use proc_macro::TokenStream;

/// Makes a type a key or value of records.
///
/// - `#[data(json)]`: JSON through serde; the type is `Serialize` and `Deserialize` too.
/// - `#[data(transparent)]`: the bytes of its only field.
///
/// `millstream::Data` has the example that runs.
#[proc_macro_derive(Data, attributes(data))]
pub fn derive_data(input: TokenStream) -> TokenStream {
    data::expand(syn::parse_macro_input!(input)).unwrap_or_else(syn::Error::into_compile_error).into()
}
