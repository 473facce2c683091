//! What `#[derive(Options)]` writes.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Field, Ident, Path, Result};

use crate::attributes::{FieldAttributes, documentation};

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let Data::Struct(data) = &input.data else {
        return Err(Error::new_spanned(&input.ident, "`Options` is for a struct with named fields"));
    };
    let fields = data.fields.iter().map(Entry::of).collect::<Result<Vec<_>>>()?;
    let names: Vec<&Ident> = fields.iter().map(|field| field.ident).collect();
    let (definitions, reads): (Vec<_>, Vec<_>) = fields
        .iter()
        .map(|field| Ok((field.definition()?, field.read())))
        .collect::<Result<Vec<_>>>()?
        .into_iter()
        .unzip();
    let check = struct_check(input)?;
    let name = &input.ident;
    Ok(quote! {
        impl ::millstream_connect::options::Options for #name {
            fn definitions() -> ::std::vec::Vec<::millstream_connect::options::Definition> {
                let mut definitions = ::std::vec::Vec::new();
                #(#definitions)*
                definitions
            }

            fn read(
                given: &::millstream_connect::options::Given<'_>,
            ) -> ::std::result::Result<Self, ::std::vec::Vec<::millstream_connect::options::Fault>> {
                let mut faults = ::std::vec::Vec::new();
                let definitions = <Self as ::millstream_connect::options::Options>::definitions();
                let mut next = 0;
                #(#reads)*
                let (true, #(::std::option::Option::Some(#names),)*) = (faults.is_empty(), #(#names,)*) else {
                    return ::std::result::Result::Err(faults);
                };
                let read = Self { #(#names,)* };
                #check
                ::std::result::Result::Ok(read)
            }
        }
    })
}

fn struct_check(input: &DeriveInput) -> Result<TokenStream> {
    let mut check = TokenStream::new();
    for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("options")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("check") {
                return Err(meta.error("options know check"));
            }
            let function: Path = meta.value()?.parse()?;
            check = quote! {
                if let ::std::result::Result::Err(fault) = #function(&read) {
                    return ::std::result::Result::Err(::std::vec![fault]);
                }
            };
            Ok(())
        })?;
    }
    Ok(check)
}

/// A field and what it says of its option.
struct Entry<'a> {
    field: &'a Field,
    ident: &'a Ident,
    said: FieldAttributes,
}

impl<'a> Entry<'a> {
    fn of(field: &'a Field) -> Result<Self> {
        let wrong = || Error::new_spanned(field, "`Options` is for a struct with named fields");
        let ident = field.ident.as_ref().ok_or_else(wrong)?;
        Ok(Self { field, ident, said: FieldAttributes::of(field)? })
    }

    fn definition(&self) -> Result<TokenStream> {
        let kind = &self.field.ty;
        if self.said.is_flat {
            return Ok(
                quote!(definitions.extend(<#kind as ::millstream_connect::options::Options>::definitions());),
            );
        }
        let documentation = documentation(&self.field.attrs);
        if documentation.is_empty() {
            return Err(Error::new_spanned(
                self.ident,
                "say in a doc comment what the option does: it is what users read",
            ));
        }
        let importance = self.importance()?;
        let name = self.said.name.clone().unwrap_or_else(|| self.ident.to_string().replace('_', "."));
        let aliases = &self.said.aliases;
        let group = self.said.group.as_deref().unwrap_or("Connector");
        let has_default = self.said.default.is_some();
        let default = match &self.said.default {
            Some(default) => quote!(::std::option::Option::Some(#default)),
            None => quote!(::std::option::Option::None),
        };
        Ok(quote! {
            definitions.push(::millstream_connect::options::Definition {
                name: #name,
                aliases: &[#(#aliases),*],
                kind: <#kind as ::millstream_connect::options::OptionType>::KIND,
                default: #default,
                required: !#has_default && <#kind as ::millstream_connect::options::OptionType>::REQUIRED,
                importance: ::millstream_connect::options::Importance::#importance,
                documentation: #documentation,
                group: #group,
                choices: <#kind as ::millstream_connect::options::OptionType>::CHOICES,
            });
        })
    }

    fn importance(&self) -> Result<Ident> {
        let Some(said) = &self.said.importance else { return Ok(Ident::new("Medium", self.ident.span())) };
        match said.value().as_str() {
            "high" => Ok(Ident::new("High", said.span())),
            "medium" => Ok(Ident::new("Medium", said.span())),
            "low" => Ok(Ident::new("Low", said.span())),
            _ => Err(Error::new(said.span(), "importance is high, medium or low")),
        }
    }

    fn read(&self) -> TokenStream {
        let (ident, kind) = (self.ident, &self.field.ty);
        if self.said.is_flat {
            return quote! {
                next += <#kind as ::millstream_connect::options::Options>::definitions().len();
                let #ident = <#kind as ::millstream_connect::options::Options>::read(given)
                    .map_err(|found| faults.extend(found))
                    .ok();
            };
        }
        let range = self.said.range.as_ref().map(|range| {
            let must = format!("must be in {}", quote!(#range).to_string().replace(' ', ""));
            quote!(if !(#range).contains(value) { return ::std::result::Result::Err(#must.to_owned()); })
        });
        let check = self.said.check.as_ref().map(|check| quote!(#check(value)?;));
        quote! {
            let definition = &definitions[next];
            next += 1;
            let #ident = given.read_checked::<#kind>(definition, &mut faults, |value| {
                let _ = value;
                #range
                #check
                ::std::result::Result::Ok(())
            });
        }
    }
}
