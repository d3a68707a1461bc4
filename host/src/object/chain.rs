//! The macro `chain!`: attributes, calls and items in a row, as Python writes them.

/// Attributes, calls and items in a row, written as in Python:
/// `chain!(py, np.array(x).T.sum(axis = 0))`. Gives a `Result<Object>`.
///
/// It begins with a variable that holds an [`Object`](crate::Object), or with an expression for one in
/// parentheses. Arguments are Rust expressions, `name = value` is a keyword argument, `[key]` an item.
///
/// ```
/// use ophidia::chain;
/// # fn main() -> ophidia::Result<()> {
/// # let mut py = ophidia::Runtime::ambient()?.interpreter().build()?;
/// let re = py.import("re")?;
/// let found = chain!(py, re.compile(r"(\w+)-(\w+)").sub(r"\2 \1", "a-b c-d", count = 1).upper())?;
/// assert_eq!(found.str(&mut py)?, "B A C-D");
/// let third = chain!(py, found.split()[2])?;
/// # Ok(())
/// # }
/// ```
#[macro_export]
macro_rules! chain {
    ($py:expr, $object:ident $($rest:tt)*) => {{
        let py: &mut $crate::Python<'_> = &mut $py;
        #[allow(clippy::redundant_closure_call, reason = "a place for `?` to return from")]
        (|| -> $crate::Result<$crate::Object> {
            let object: $crate::Object = ::core::clone::Clone::clone(&$object);
            $crate::chain!(@step py, object, $($rest)*)
        })()
    }};
    ($py:expr, ($object:expr) $($rest:tt)*) => {{
        let object: $crate::Object = ::core::clone::Clone::clone(&$object);
        $crate::chain!($py, object $($rest)*)
    }};
    (@step $py:ident, $object:expr,) => { $crate::Result::Ok($object) };
    (@step $py:ident, $object:expr, . $name:ident ($($arguments:tt)*) $($rest:tt)*) => {{
        let arguments = $crate::chain!(@arguments $crate::Arguments::new(), $($arguments)*);
        let object = $object.call_method($py, stringify!($name), arguments)?;
        $crate::chain!(@step $py, object, $($rest)*)
    }};
    (@step $py:ident, $object:expr, . $name:ident $($rest:tt)*) => {{
        let object = $object.getattr($py, stringify!($name))?;
        $crate::chain!(@step $py, object, $($rest)*)
    }};
    (@step $py:ident, $object:expr, ($($arguments:tt)*) $($rest:tt)*) => {{
        let arguments = $crate::chain!(@arguments $crate::Arguments::new(), $($arguments)*);
        let object = $object.call($py, arguments)?;
        $crate::chain!(@step $py, object, $($rest)*)
    }};
    (@step $py:ident, $object:expr, [$key:expr] $($rest:tt)*) => {{
        let object = $object.get_item($py, $key)?;
        $crate::chain!(@step $py, object, $($rest)*)
    }};
    (@arguments $done:expr,) => { $done };
    (@arguments $done:expr, $name:ident = $value:expr $(, $($rest:tt)*)?) => {
        $crate::chain!(@arguments $done.kwarg(stringify!($name), $value), $($($rest)*)?)
    };
    (@arguments $done:expr, $value:expr $(, $($rest:tt)*)?) => {
        $crate::chain!(@arguments $done.arg($value), $($($rest)*)?)
    };
}
