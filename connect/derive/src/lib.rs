//! `#[derive(Options)]` and `#[derive(Choice)]` for Millstream Connect.

mod attributes;
mod choice;
mod options;

use proc_macro::TokenStream;

/// Makes a struct something that can be read from a configuration.
///
/// `millstream_connect::options` has the attributes and an example that runs.
#[proc_macro_derive(Options, attributes(option, options))]
pub fn derive_options(input: TokenStream) -> TokenStream {
    options::expand(&syn::parse_macro_input!(input)).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes an enum of unit variants something that an option can be.
///
/// `millstream_connect::options` has an example that runs.
#[proc_macro_derive(Choice, attributes(choice))]
pub fn derive_choice(input: TokenStream) -> TokenStream {
    choice::expand(&syn::parse_macro_input!(input)).unwrap_or_else(syn::Error::into_compile_error).into()
}
