//! `#[derive(Data)]` and `#[derive(Stores)]` for Millstream.

mod data;
mod stores;

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

/// Opens the stores that a processor's fields name: `#[store("name")]`, or `#[store(CONSTANT)]`.
///
/// `millstream::processing` has the example that runs.
#[proc_macro_derive(Stores, attributes(store))]
pub fn derive_stores(input: TokenStream) -> TokenStream {
    stores::expand(syn::parse_macro_input!(input)).unwrap_or_else(syn::Error::into_compile_error).into()
}
