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
    let newtype = match kind {
        Kind::Struct(Shape { form: Form::Newtype, fields }) => fields.first(),
        _ => None,
    };
    let constants = if let Some(Field { ty, .. }) = newtype {
        quote! {
            const WANT: ::ophidia::derived::Want = <#ty as ::ophidia::FromPython>::WANT;
            const ANY: bool = <#ty as ::ophidia::FromPython>::ANY;
        }
    } else {
        let shapes: Vec<&Shape> = match kind {
            Kind::Struct(shape) => vec![shape],
            Kind::Enum(variants) => variants.iter().map(|variant| &variant.shape).collect(),
        };
        let types = shapes.into_iter().flat_map(Shape::seen).map(|field| &field.ty);
        quote! {
            const WANT: ::ophidia::derived::Want = ::ophidia::derived::Want::of_items(
                &[#(<#types as ::ophidia::FromPython>::WANT),*],
            );
        }
    };
    quote! {
        #[automatically_derived]
        impl #impl_generics ::ophidia::FromPython for #ident #type_generics #where_clause {
            #constants

            fn from_python(
                __value: ::ophidia::Value,
            ) -> ::core::result::Result<Self, ::ophidia::ConversionError> {
                #body
            }
        }
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
        let read = read(&variant.shape, &quote!(Self::#ident));
        quote! {
            (#name, ::core::option::Option::Some(__value)) => {
                let read = || -> ::core::result::Result<Self, ::ophidia::ConversionError> { #read };
                read().map_err(|error| error.within(#step))
            }
        }
    });
    quote! {
        let (__name, __value) = ::ophidia::derived::variant(__value)?;
        match (__name.as_str(), __value) {
            #(#unit)*
            #(#data)*
            (_, __value) => ::core::result::Result::Err(
                ::ophidia::derived::no_variant(&__name, __value, &[#(#names),*]),
            ),
        }
    }
}

/// Statements and an expression that make `path` of `__value`.
fn read(shape: &Shape, path: &TokenStream) -> TokenStream {
    let members = shape.fields.iter().map(|field| &field.member);
    let values = shape.fields.iter().map(|field| value(field, shape.form));
    let made = quote!(::core::result::Result::Ok(#path { #(#members: #values),* }));
    let count = shape.seen().count();
    match shape.form {
        Form::Unit => {
            quote!(<() as ::ophidia::FromPython>::from_python(__value)?; #made)
        }
        Form::Newtype => made,
        Form::Tuple => {
            quote!(let mut __fields = ::ophidia::derived::Items::new(__value, #count)?; #made)
        }
        Form::Dict => {
            quote!(let mut __fields = ::ophidia::derived::Fields::new(__value)?; #made)
        }
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
            __fields.take_or::<#ty>(#name, #default)?
        },
        (Form::Dict, None) => quote_spanned!(ty.span()=> __fields.take::<#ty>(#name)?),
        (Form::Tuple, _) => quote_spanned!(ty.span()=> __fields.take::<#ty>(#step)?),
        (Form::Newtype | Form::Unit, _) => quote_spanned! {ty.span()=>
            <#ty as ::ophidia::FromPython>::from_python(__value)?
        },
    }
}
