//! What `#[derive(Data)]` writes.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Field, Fields, Ident, Member, Result, Type};

/// How the bytes are made.
enum Format {
    Json,
    Transparent,
}

pub(crate) fn expand(input: DeriveInput) -> Result<TokenStream> {
    let (encode, decode) = match format(&input)? {
        Format::Json => json(),
        Format::Transparent => transparent(&input)?,
    };
    let name = &input.ident;
    let (generics, arguments, bounds) = input.generics.split_for_impl();
    Ok(quote! {
        impl #generics ::millstream::data::Data for #name #arguments #bounds {
            type Present = Self;

            fn encode(
                &self,
                out: &mut ::std::vec::Vec<u8>,
            ) -> ::std::result::Result<(), ::millstream::data::DataError> {
                #encode
            }

            fn decode(bytes: &[u8]) -> ::std::result::Result<Self, ::millstream::data::DataError> {
                #decode
            }

            fn into_present(self) -> ::std::option::Option<Self> {
                ::std::option::Option::Some(self)
            }

            fn from_present(present: ::std::option::Option<Self>) -> ::std::option::Option<Self> {
                present
            }
        }
    })
}

fn format(input: &DeriveInput) -> Result<Format> {
    let mut found = None;
    for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("data")) {
        let name: Ident = attribute.parse_args()?;
        found = Some(match name.to_string().as_str() {
            "json" => Format::Json,
            "transparent" => Format::Transparent,
            _ => return Err(Error::new_spanned(name, "`data` knows `json` and `transparent`")),
        });
    }
    let missing =
        "say how the bytes are made: `#[data(json)]`, or `#[data(transparent)]` for a type of one field";
    found.ok_or_else(|| Error::new_spanned(&input.ident, missing))
}

fn json() -> (TokenStream, TokenStream) {
    (quote!(::millstream::data::encode_json(self, out)), quote!(::millstream::data::decode_json(bytes)))
}

fn transparent(input: &DeriveInput) -> Result<(TokenStream, TokenStream)> {
    let (field, member) = only_field(input)?;
    let inner: &Type = &field.ty;
    let data = quote!(<#inner as ::millstream::data::Data>);
    let decode = quote!(::std::result::Result::Ok(Self { #member: #data::decode(bytes)? }));
    Ok((quote!(#data::encode(&self.#member, out)), decode))
}

fn only_field(input: &DeriveInput) -> Result<(&Field, Member)> {
    let wrong = || Error::new_spanned(&input.ident, "`#[data(transparent)]` is for a struct of one field");
    let Data::Struct(data) = &input.data else { return Err(wrong()) };
    let mut members = data.fields.members();
    match (&data.fields, data.fields.len(), members.next()) {
        (Fields::Named(_) | Fields::Unnamed(_), 1, Some(member)) => {
            data.fields.iter().next().map(|field| (field, member)).ok_or_else(wrong)
        }
        _ => Err(wrong()),
    }
}
