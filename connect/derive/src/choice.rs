//! What `#[derive(Choice)]` writes.

use proc_macro2::TokenStream;
use quote::quote;
use syn::punctuated::Punctuated;
use syn::{Data, DeriveInput, Error, Fields, LitStr, Result, Token, Variant};

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let Data::Enum(data) = &input.data else {
        return Err(Error::new_spanned(&input.ident, "`Choice` is for an enum of unit variants"));
    };
    let choices = data.variants.iter().map(names).collect::<Result<Vec<_>>>()?;
    let shown = choices.iter().filter_map(|names| names.first());
    let arms = data.variants.iter().zip(&choices).map(|(variant, names)| {
        let variant = &variant.ident;
        quote!(if [#(#names),*].iter().any(|known| known.eq_ignore_ascii_case(name)) {
            return ::std::option::Option::Some(Self::#variant);
        })
    });
    let name = &input.ident;
    Ok(quote! {
        impl ::millstream_connect::options::Choice for #name {
            const NAMES: &'static [&'static str] = &[#(#shown),*];

            fn from_name(name: &str) -> ::std::option::Option<Self> {
                #(#arms)*
                ::std::option::Option::None
            }
        }
    })
}

/// The names of a variant, the one that is shown first.
fn names(variant: &Variant) -> Result<Vec<String>> {
    if !matches!(variant.fields, Fields::Unit) {
        return Err(Error::new_spanned(variant, "a variant of a `Choice` has no fields"));
    }
    let Some(attribute) = variant.attrs.iter().find(|attribute| attribute.path().is_ident("choice")) else {
        return Ok(vec![kebab(&variant.ident.to_string())]);
    };
    let names = attribute.parse_args_with(Punctuated::<LitStr, Token![,]>::parse_terminated)?;
    Ok(names.iter().map(LitStr::value).collect())
}

fn kebab(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !out.is_empty() {
            out.push('-');
        }
        out.extend(letter.to_lowercase());
    }
    out
}
