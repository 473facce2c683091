//! What `#[derive(Stores)]` writes.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Expr, Field, Result};

pub(crate) fn expand(input: DeriveInput) -> Result<TokenStream> {
    let wrong = || Error::new_spanned(&input.ident, "`Stores` is for a struct whose fields have names");
    let Data::Struct(data) = &input.data else { return Err(wrong()) };
    let fields = data.fields.iter().map(|field| open(field, wrong)).collect::<Result<Vec<_>>>()?;
    let name = &input.ident;
    let (generics, arguments, bounds) = input.generics.split_for_impl();
    Ok(quote! {
        impl #generics #name #arguments #bounds {
            /// Opens the stores of a processor, for `process` and `process_values`.
            pub fn open(stores: &mut ::millstream::processing::Stores<'_>) -> Self {
                Self { #(#fields),* }
            }
        }
    })
}

fn open(field: &Field, wrong: impl Fn() -> Error) -> Result<TokenStream> {
    let member = field.ident.as_ref().ok_or_else(wrong)?;
    match field.attrs.iter().find(|attribute| attribute.path().is_ident("store")) {
        Some(attribute) => {
            let store: Expr = attribute.parse_args()?;
            let kind = &field.ty;
            Ok(quote! {
                #member: <#kind as ::millstream::processing::StoreField>::of(
                    stores,
                    ::core::convert::Into::into(#store),
                )
            })
        }
        None => Ok(quote!(#member: ::std::default::Default::default())),
    }
}
