//! What a macro is given: the item and its attributes, checked, as plain data.

use crate::names::Rule;
use proc_macro2::Span;
use quote::format_ident;
use syn::ext::IdentExt;
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned;
use syn::{
    Attribute, Data, DeriveInput, Error, Expr, Fields, Generics, Ident, LitStr, Member, Result,
    Type,
};

/// A struct or an enum.
pub(crate) struct Input {
    pub(crate) ident: Ident,
    pub(crate) generics: Generics,
    pub(crate) kind: Kind,
}

pub(crate) enum Kind {
    Struct(Shape),
    Enum(Vec<Variant>),
}

pub(crate) struct Variant {
    pub(crate) ident: Ident,
    pub(crate) name: String,
    pub(crate) shape: Shape,
}

/// The fields of a struct or variant.
pub(crate) struct Shape {
    pub(crate) form: Form,
    pub(crate) fields: Vec<Field>,
}

/// What Python sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Unit,
    Newtype,
    Tuple,
    Dict,
}

pub(crate) struct Field {
    pub(crate) member: Member,
    pub(crate) ty: Type,
    /// The key in a `dict`.
    pub(crate) name: String,
    /// How an error names it.
    pub(crate) step: String,
    pub(crate) skip: bool,
    pub(crate) default: Option<Fallback>,
}

/// What a field is when it is not there.
pub(crate) enum Fallback {
    Default,
    Expr(Box<Expr>),
}

impl Field {
    /// The variable that holds the field.
    pub(crate) fn variable(&self) -> Ident {
        match &self.member {
            Member::Named(ident) => format_ident!("__{}", ident.unraw()),
            Member::Unnamed(index) => format_ident!("__{}", index.index),
        }
    }
}

impl Shape {
    /// The fields that Python sees.
    pub(crate) fn seen(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|field| !field.skip)
    }
}

impl Input {
    pub(crate) fn new(item: &DeriveInput) -> Result<Self> {
        let mut own = Attributes::default();
        let kind = match &item.data {
            Data::Struct(data) => {
                own.read(&item.attrs, &["tuple", "rename_all"])?;
                Kind::Struct(shape(&data.fields, &own)?)
            }
            Data::Enum(data) => {
                own.read(&item.attrs, &["rename_all"])?;
                let variant = |variant| self::variant(variant, own.rename_all);
                Kind::Enum(data.variants.iter().map(variant).collect::<Result<_>>()?)
            }
            Data::Union(data) => {
                let said = "a union does not say which of its fields it holds: use an enum";
                return Err(Error::new(data.union_token.span, said));
            }
        };
        Ok(Self { ident: item.ident.clone(), generics: item.generics.clone(), kind })
    }
}

fn variant(variant: &syn::Variant, rule: Option<Rule>) -> Result<Variant> {
    let mut own = Attributes::default();
    own.read(&variant.attrs, &["rename", "tuple", "rename_all"])?;
    let name = own.rename.clone().unwrap_or_else(|| renamed(&variant.ident, rule));
    Ok(Variant { ident: variant.ident.clone(), name, shape: shape(&variant.fields, &own)? })
}

fn renamed(ident: &Ident, rule: Option<Rule>) -> String {
    let name = ident.unraw().to_string();
    rule.map_or_else(|| name.clone(), |rule| rule.apply(&name))
}

fn shape(fields: &Fields, own: &Attributes) -> Result<Shape> {
    let form = match (fields, own.tuple) {
        (Fields::Named(_), None) => Form::Dict,
        (Fields::Named(_), Some(_)) => Form::Tuple,
        (_, Some(span)) => return Err(Error::new(span, "only named fields need to be told")),
        (Fields::Unnamed(fields), None) if fields.unnamed.len() == 1 => Form::Newtype,
        (Fields::Unnamed(_), None) => Form::Tuple,
        (Fields::Unit, None) => Form::Unit,
    };
    let mut position = 0;
    let mut all = Vec::with_capacity(fields.len());
    for (field, member) in fields.iter().zip(fields.members()) {
        let field = self::field(field, member, form, own.rename_all, position)?;
        position += usize::from(!field.skip);
        all.push(field);
    }
    Ok(Shape { form, fields: all })
}

fn field(
    field: &syn::Field,
    member: Member,
    form: Form,
    rule: Option<Rule>,
    position: usize,
) -> Result<Field> {
    let mut own = Attributes::default();
    let known: &[&str] = match form {
        Form::Dict => &["rename", "skip", "default"],
        Form::Tuple => &["skip", "default"],
        Form::Newtype | Form::Unit => &[],
    };
    own.read(&field.attrs, known)?;
    if let (Some((_, span)), Form::Tuple, false) = (&own.default, form, own.skip) {
        return Err(Error::new(
            *span,
            "only a field with a name, or a skipped one, can be missing",
        ));
    }
    let name = match &member {
        Member::Named(ident) => own.rename.unwrap_or_else(|| renamed(ident, rule)),
        Member::Unnamed(_) => String::new(),
    };
    let step = match &member {
        Member::Named(_) if form == Form::Dict => format!(".{name}"),
        Member::Named(ident) => format!(".{}", ident.unraw()),
        Member::Unnamed(_) => format!("[{position}]"),
    };
    let default = own.default.map(|(fallback, _)| fallback);
    let default =
        default.or_else(|| (own.skip || is_option(&field.ty)).then_some(Fallback::Default));
    Ok(Field { member, ty: field.ty.clone(), name, step, skip: own.skip, default })
}

/// Whether the type is written as an `Option`.
fn is_option(ty: &Type) -> bool {
    let Type::Path(path) = ty else { return false };
    path.path.segments.last().is_some_and(|last| last.ident == "Option")
}

#[derive(Default)]
struct Attributes {
    tuple: Option<Span>,
    rename: Option<String>,
    rename_all: Option<Rule>,
    skip: bool,
    default: Option<(Fallback, Span)>,
}

impl Attributes {
    /// Reads every `#[python(…)]`, which may hold what is `known` here.
    fn read(&mut self, attributes: &[Attribute], known: &[&str]) -> Result<()> {
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("python")) {
            attribute.parse_nested_meta(|meta| self.read_one(&meta, known))?;
        }
        Ok(())
    }

    fn read_one(&mut self, meta: &ParseNestedMeta<'_>, known: &[&str]) -> Result<()> {
        let name = meta.path.get_ident().map(Ident::to_string).unwrap_or_default();
        if !known.contains(&name.as_str()) {
            let said = match known {
                [] => "nothing can be said here".to_owned(),
                known => format!("unknown here; there is {}", known.join(", ")),
            };
            return Err(meta.error(said));
        }
        match name.as_str() {
            "tuple" => self.tuple = Some(meta.path.span()),
            "skip" => self.skip = true,
            "rename" => self.rename = Some(meta.value()?.parse::<LitStr>()?.value()),
            "rename_all" => {
                let rule: LitStr = meta.value()?.parse()?;
                let named = Rule::named(&rule.value());
                self.rename_all = Some(named.map_err(|said| Error::new(rule.span(), said))?);
            }
            _ => {
                let fallback = match meta.value() {
                    Ok(value) => Fallback::Expr(Box::new(value.parse()?)),
                    Err(_) => Fallback::Default,
                };
                self.default = Some((fallback, meta.path.span()));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::parse_quote;

    fn refused(item: DeriveInput) -> String {
        Input::new(&item).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn what_cannot_be_is_refused_with_the_reason() {
        assert!(refused(parse_quote!(union U { a: u8 })).contains("use an enum"));
        assert!(
            refused(parse_quote!(
                #[python(tuple)]
                struct S(u8);
            ))
            .contains("only named fields")
        );
        assert!(
            refused(parse_quote!(
                #[python(rename = "x")]
                struct S;
            ))
            .contains("unknown here")
        );
        assert!(
            refused(parse_quote!(
                #[python(rename_all = "x")]
                struct S;
            ))
            .contains("there is")
        );
        assert!(
            refused(parse_quote!(
                struct S(#[python(skip)] u8);
            ))
            .contains("nothing can be")
        );
        assert!(
            refused(parse_quote!(
                struct S(#[python(default)] u8, u8);
            ))
            .contains("missing")
        );
        assert!(
            refused(parse_quote!(
                struct S {
                    #[python(flatten)]
                    a: u8,
                }
            ))
            .contains("skip")
        );
        assert_eq!(
            refused(parse_quote!(
                struct S {
                    #[python(skip, default = 7)]
                    a: u8,
                }
            )),
            ""
        );
    }
}
