//! `derive(FromPython)`.

use crate::input::{Fallback, Field, Form, Input, Kind, Shape, Variant};
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::parse_quote;
use syn::spanned::Spanned;

pub(crate) fn expand(input: &Input) -> TokenStream {
    let Input { ident, generics, kind } = input;
    let mut generics = generics.clone();
    for parameter in generics.type_params_mut() {
        parameter.bounds.push(parse_quote!(::ophidia::FromPython));
    }
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    let body = match kind {
        Kind::Struct(shape) => read(shape, &quote!(Self)),
        Kind::Enum(variants) => read_variant(variants),
    };
    // What is nothing but its field comes the way the field does.
    let any = match kind {
        Kind::Struct(Shape { form: Form::Newtype, fields }) => fields.first(),
        _ => None,
    };
    let any =
        any.map(|Field { ty, .. }| quote!(const ANY: bool = <#ty as ::ophidia::FromPython>::ANY;));
    let form = match kind {
        Kind::Struct(shape) => form(shape),
        Kind::Enum(variants) => {
            let data = variants.iter().filter(|variant| variant.shape.form != Form::Unit);
            let forms = data.map(|variant| form(&variant.shape));
            quote!(::ophidia::derived::Want::of_items(&[#(#forms),*]))
        }
    };
    quote! {
        #[automatically_derived]
        impl #impl_generics ::ophidia::FromPython for #ident #type_generics #where_clause {
            const WANT: ::ophidia::derived::Want = #form;
            #any

            fn from_python(
                __value: ::ophidia::Value,
            ) -> ::core::result::Result<Self, ::ophidia::ConversionError> {
                <Self as ::ophidia::derived::Read>::read(__value, &mut ::ophidia::derived::Alone)
            }

            fn from_guest(
                __value: ::ophidia::Value,
                __py: &mut ::ophidia::Python<'_>,
            ) -> ::core::result::Result<Self, ::ophidia::Error> {
                <Self as ::ophidia::derived::Read>::read(__value, __py)
            }
        }

        #[automatically_derived]
        impl #impl_generics ::ophidia::derived::Read for #ident #type_generics #where_clause {
            fn read<__R: ::ophidia::derived::Reader + ?::core::marker::Sized>(
                __value: ::ophidia::Value,
                __reader: &mut __R,
            ) -> ::core::result::Result<Self, __R::Error> {
                #body
            }
        }
    }
}

/// In what form the data of a struct or a variant is wanted.
fn form(shape: &Shape) -> TokenStream {
    let types = shape.seen().map(|field| &field.ty);
    match shape.form {
        Form::Newtype => quote!(#(<#types as ::ophidia::FromPython>::WANT)*),
        _ => quote! {
            ::ophidia::derived::Want::of_items(&[#(<#types as ::ophidia::FromPython>::WANT),*])
        },
    }
}

fn read_variant(variants: &[Variant]) -> TokenStream {
    let names = variants.iter().map(|variant| &variant.name);
    let (unit, data): (Vec<_>, Vec<_>) =
        variants.iter().partition(|variant| variant.shape.form == Form::Unit);
    let unit = unit.iter().map(|variant| {
        let (name, ident) = (&variant.name, &variant.ident);
        quote!((#name, ::core::option::Option::None) => ::core::result::Result::Ok(Self::#ident {}),)
    });
    let data = data.iter().map(|variant| {
        let (name, ident, step) = (&variant.name, &variant.ident, format!("[{:?}]", variant.name));
        let (read, form) = (read(&variant.shape, &quote!(Self::#ident)), form(&variant.shape));
        quote! {
            (#name, ::core::option::Option::Some(__value)) => {
                let read = || -> ::core::result::Result<Self, __R::Error> {
                    let __value = __reader.opened(__value, #form)?;
                    #read
                };
                read().map_err(|error| ::ophidia::derived::Within::inside(error, #step))
            }
        }
    });
    quote! {
        let (__name, __value) = ::ophidia::derived::variant(
            __value,
            <Self as ::ophidia::FromPython>::WANT,
            __reader,
        )?;
        match (__name.as_str(), __value) {
            #(#unit)*
            #(#data)*
            (_, __value) => ::core::result::Result::Err(
                ::ophidia::derived::no_variant(&__name, __value, &[#(#names),*]).into(),
            ),
        }
    }
}

/// Statements and an expression that make `path` of `__value`.
fn read(shape: &Shape, path: &TokenStream) -> TokenStream {
    let members = shape.fields.iter().map(|field| &field.member);
    let values = shape.fields.iter().map(|field| value(field, shape.form));
    let made = quote!(::core::result::Result::Ok(#path { #(#members: #values),* }));
    let (count, form) = (shape.seen().count(), form(shape));
    match shape.form {
        Form::Unit => {
            quote!(<() as ::ophidia::FromPython>::from_python(__value)?; #made)
        }
        Form::Newtype => made,
        Form::Tuple => quote! {
            let mut __fields = ::ophidia::derived::Items::new(__value, #count, #form, __reader)?;
            #made
        },
        Form::Dict => quote! {
            let mut __fields = ::ophidia::derived::Fields::new(__value, #form, __reader)?;
            #made
        },
    }
}

fn value(field: &Field, form: Form) -> TokenStream {
    let Field { ty, name, step, skip, default, .. } = field;
    let default_of = quote_spanned!(ty.span()=> <#ty as ::core::default::Default>::default);
    if *skip {
        return match default {
            Some(Fallback::Expr(expression)) => quote!(#expression),
            _ => quote!(#default_of()),
        };
    }
    // A function that gives what the field is when it is not there.
    let default = default.as_ref().map(|fallback| match fallback {
        Fallback::Default => default_of,
        Fallback::Expr(expression) => quote!(|| #expression),
    });
    match (form, default) {
        (Form::Dict, Some(default)) => quote_spanned! {ty.span()=>
            __fields.take_or::<#ty, __R>(#name, #default, __reader)?
        },
        (Form::Dict, None) => {
            quote_spanned!(ty.span()=> __fields.take::<#ty, __R>(#name, __reader)?)
        }
        (Form::Tuple, _) => quote_spanned!(ty.span()=> __fields.take::<#ty, __R>(#step, __reader)?),
        (Form::Newtype | Form::Unit, _) => quote_spanned! {ty.span()=>
            __reader.read::<#ty>(__value, <#ty as ::ophidia::FromPython>::WANT)?
        },
    }
}
