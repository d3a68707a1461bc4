//! The derive macros of Ophidia. The crate `ophidia` re-exports them beside its traits of the same
//! names; the code they write needs that crate.

mod from_python;
mod input;
mod names;
mod to_python;

use input::Input;
use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Implements the trait `ToPython`. Derive `FromPython` for the way back; both read the same
/// attributes.
///
/// | Rust | Python |
/// |---|---|
/// | struct with named fields | `dict` by the names of the fields |
/// | the same with `#[python(tuple)]` | `tuple` in the order of the fields |
/// | tuple struct | `tuple` |
/// | tuple struct of one field | what the field is |
/// | unit struct | `None` |
/// | variant without data | `str`, the variant's name |
/// | variant with data | `dict` of one entry: the name, and what a struct would be |
///
/// Attributes of a struct or enum, all in `#[python(…)]`:
///
/// - `tuple`: fields by position, though they have names; of a variant too.
/// - `rename_all = "…"`: `lowercase`, `UPPERCASE`, `PascalCase`, `camelCase`, `snake_case`,
///   `SCREAMING_SNAKE_CASE`, `kebab-case` or `SCREAMING-KEBAB-CASE`, for the fields of a struct or
///   the variants of an enum; on a variant, for its fields.
///
/// Of a field:
///
/// - `rename = "…"`: another name; of a variant too.
/// - `skip`: not written; read as its `default`.
/// - `default`, or `default = expression`: what it is when the `dict` lacks it. A field whose type is
///   written `Option<…>` is `None` then without being told.
///
/// Type parameters are bound by the trait.
#[proc_macro_derive(ToPython, attributes(python))]
pub fn to_python(item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as DeriveInput);
    let written = Input::new(&item).map(|input| to_python::expand(&input));
    written.unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Implements the trait `FromPython`, with the attributes that the derive macro `ToPython` lists.
///
/// A `dict` may have other keys too. Tuples may also be lists. A variant without data is also read
/// from a member of a Python `Enum`, by its name. Errors name the path, such as
/// `[3].price: expected float, got str`.
#[proc_macro_derive(FromPython, attributes(python))]
pub fn from_python(item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as DeriveInput);
    let written = Input::new(&item).map(|input| from_python::expand(&input));
    written.unwrap_or_else(syn::Error::into_compile_error).into()
}
