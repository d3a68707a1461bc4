//! `derive(ToPython)`.

use crate::input::{Field, Form, Input, Kind, Shape, Variant};
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{TypeParam, parse_quote};

pub(crate) fn expand(input: &Input) -> TokenStream {
    let Input { ident, generics, kind } = input;
    let mut generics = generics.clone();
    for parameter in generics.type_params_mut() {
        let TypeParam { bounds, .. } = parameter;
        bounds.push(parse_quote!(::ophidia::ToPython));
    }
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    let body = match kind {
        Kind::Struct(shape) => {
            let (pattern, written) = (pattern(shape), write(shape));
            quote!(let Self #pattern = self; #written)
        }
        Kind::Enum(variants) if variants.is_empty() => quote!(match *self {}),
        Kind::Enum(variants) => {
            let arms = variants.iter().map(arm);
            quote!(match self { #(#arms)* })
        }
    };
    quote! {
        #[automatically_derived]
        impl #impl_generics ::ophidia::ToPython for #ident #type_generics #where_clause {
            fn to_python(
                &self,
                __out: &mut ::ophidia::Encoder<'_>,
            ) -> ::core::result::Result<(), ::ophidia::ConversionError> {
                #body
            }
        }
    }
}

fn arm(variant: &Variant) -> TokenStream {
    let Variant { ident, name, shape } = variant;
    let pattern = pattern(shape);
    if shape.form == Form::Unit {
        return quote!(Self::#ident #pattern => __out.str(#name),);
    }
    let (written, step) = (write(shape), format!("[{name:?}]"));
    quote! {
        Self::#ident #pattern => __out.dict(1, |__out| {
            __out.str(#name)?;
            (#written).map_err(|error| error.within(#step))
        }),
    }
}

fn pattern(shape: &Shape) -> TokenStream {
    let fields = shape.fields.iter().map(|field| {
        let (member, variable) = (&field.member, field.variable());
        if field.skip { quote!(#member: _) } else { quote!(#member: #variable) }
    });
    quote!({ #(#fields),* })
}

/// An expression that writes the fields, which stand in their variables.
fn write(shape: &Shape) -> TokenStream {
    let values = || shape.seen().map(value);
    let count = shape.seen().count();
    match shape.form {
        Form::Unit => quote!(__out.none()),
        Form::Newtype => values().collect(),
        Form::Tuple => {
            let (values, steps) = (values(), shape.seen().map(|field| &field.step));
            quote! {
                __out.tuple(#count, |__out| {
                    #(#values.map_err(|error| error.within(#steps))?;)*
                    ::core::result::Result::Ok(())
                })
            }
        }
        Form::Dict => {
            let (values, steps) = (values(), shape.seen().map(|field| &field.step));
            let names = shape.seen().map(|field| &field.name);
            quote! {
                __out.dict(#count, |__out| {
                    #(
                        __out.str(#names)?;
                        #values.map_err(|error| error.within(#steps))?;
                    )*
                    ::core::result::Result::Ok(())
                })
            }
        }
    }
}

fn value(field: &Field) -> TokenStream {
    let variable = field.variable();
    quote_spanned!(field.ty.span()=> ::ophidia::ToPython::to_python(#variable, __out))
}
