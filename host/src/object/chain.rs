//! The macro `chain!`: attributes, calls and items in a row, as Python writes them.

/// Attributes, calls and items in a row, written as in Python:
/// `chain!(py, np.array(x).T.sum(axis = 0))`. Gives a `Result<Object>`; a chain that ends in an assignment,
/// such as `chain!(py, page.title = "tea")`, gives a `Result<()>`.
///
/// The interpreter is a variable: an [`Interpreter`](crate::Interpreter), or a `&mut Python` as a host function has it.
/// The chain begins with a variable that holds an [`Object`](crate::Object), or with an expression for one in
/// parentheses. Arguments are Rust expressions, `name = value` is a keyword argument, `[key]` an item. What is
/// assigned to is an attribute or an item, with `=` or one of `+=`, `-=`, `*=`, `/=`, `%=`, `&=`, `|=`, `^=`,
/// `<<=` and `>>=`; keys and values are evaluated once.
///
/// ```
/// use ophidia::chain;
/// # fn main() -> ophidia::Result<()> {
/// # let mut py = ophidia::Runtime::ambient()?.interpreter().build()?;
/// let re = py.import("re")?;
/// let found = chain!(py, re.compile(r"(\w+)-(\w+)").sub(r"\2 \1", "a-b c-d", count = 1).upper())?;
/// assert_eq!(found.str(&mut py)?, "B A C-D");
/// let third = chain!(py, found.split()[2])?;
///
/// let page = py.eval_object("__import__('types').SimpleNamespace(tags={}, visits=1)")?;
/// chain!(py, page.title = third)?;
/// chain!(py, page.tags["lang"] = "en")?;
/// chain!(py, page.visits += 1)?;
/// assert_eq!(page.repr(&mut py)?, "namespace(tags={'lang': 'en'}, visits=2, title='C-D')");
/// # Ok(())
/// # }
/// ```
#[macro_export]
macro_rules! chain {
    ($py:expr, $object:ident $($rest:tt)*) => {{
        let py: &mut $crate::Python<'_> = &mut *$py;
        #[allow(clippy::redundant_closure_call, reason = "a place for `?` to return from")]
        (|| -> $crate::Result<_> {
            let object: $crate::Object = ::core::clone::Clone::clone(&$object);
            $crate::chain!(@step py, object, $($rest)*)
        })()
    }};
    ($py:expr, ($object:expr) $($rest:tt)*) => {{
        let object: $crate::Object = ::core::clone::Clone::clone(&$object);
        $crate::chain!($py, object $($rest)*)
    }};
    (@step $py:ident, $object:expr,) => { $crate::Result::<$crate::Object>::Ok($object) };
    (@step $py:ident, $object:expr, . $name:ident = $value:expr) => {
        $object.setattr($py, $crate::intern!(stringify!($name)), $value)
    };
    (@step $py:ident, $object:expr, [$key:expr] = $value:expr) => {
        $object.set_item($py, $key, $value)
    };
    (@step $py:ident, $object:expr, . $name:ident += $value:expr) => {
        $crate::chain!(@change $py, $object, . $name, iadd, $value)
    };
    (@step $py:ident, $object:expr, . $name:ident -= $value:expr) => {
        $crate::chain!(@change $py, $object, . $name, isub, $value)
    };
    (@step $py:ident, $object:expr, . $name:ident *= $value:expr) => {
        $crate::chain!(@change $py, $object, . $name, imul, $value)
    };
    (@step $py:ident, $object:expr, . $name:ident /= $value:expr) => {
        $crate::chain!(@change $py, $object, . $name, idiv, $value)
    };
    (@step $py:ident, $object:expr, . $name:ident %= $value:expr) => {
        $crate::chain!(@change $py, $object, . $name, irem, $value)
    };
    (@step $py:ident, $object:expr, . $name:ident &= $value:expr) => {
        $crate::chain!(@change $py, $object, . $name, ibitand, $value)
    };
    (@step $py:ident, $object:expr, . $name:ident |= $value:expr) => {
        $crate::chain!(@change $py, $object, . $name, ibitor, $value)
    };
    (@step $py:ident, $object:expr, . $name:ident ^= $value:expr) => {
        $crate::chain!(@change $py, $object, . $name, ibitxor, $value)
    };
    (@step $py:ident, $object:expr, . $name:ident <<= $value:expr) => {
        $crate::chain!(@change $py, $object, . $name, ilshift, $value)
    };
    (@step $py:ident, $object:expr, . $name:ident >>= $value:expr) => {
        $crate::chain!(@change $py, $object, . $name, irshift, $value)
    };
    (@step $py:ident, $object:expr, [$key:expr] += $value:expr) => {
        $crate::chain!(@change $py, $object, [$key], iadd, $value)
    };
    (@step $py:ident, $object:expr, [$key:expr] -= $value:expr) => {
        $crate::chain!(@change $py, $object, [$key], isub, $value)
    };
    (@step $py:ident, $object:expr, [$key:expr] *= $value:expr) => {
        $crate::chain!(@change $py, $object, [$key], imul, $value)
    };
    (@step $py:ident, $object:expr, [$key:expr] /= $value:expr) => {
        $crate::chain!(@change $py, $object, [$key], idiv, $value)
    };
    (@step $py:ident, $object:expr, [$key:expr] %= $value:expr) => {
        $crate::chain!(@change $py, $object, [$key], irem, $value)
    };
    (@step $py:ident, $object:expr, [$key:expr] &= $value:expr) => {
        $crate::chain!(@change $py, $object, [$key], ibitand, $value)
    };
    (@step $py:ident, $object:expr, [$key:expr] |= $value:expr) => {
        $crate::chain!(@change $py, $object, [$key], ibitor, $value)
    };
    (@step $py:ident, $object:expr, [$key:expr] ^= $value:expr) => {
        $crate::chain!(@change $py, $object, [$key], ibitxor, $value)
    };
    (@step $py:ident, $object:expr, [$key:expr] <<= $value:expr) => {
        $crate::chain!(@change $py, $object, [$key], ilshift, $value)
    };
    (@step $py:ident, $object:expr, [$key:expr] >>= $value:expr) => {
        $crate::chain!(@change $py, $object, [$key], irshift, $value)
    };
    (@change $py:ident, $object:expr, . $name:ident, $method:ident, $value:expr) => {{
        let object = $object;
        let changed = object.getattr($py, $crate::intern!(stringify!($name)))?.$method($py, $value)?;
        object.setattr($py, $crate::intern!(stringify!($name)), changed)
    }};
    (@change $py:ident, $object:expr, [$key:expr], $method:ident, $value:expr) => {{
        let object = $object;
        let key = $key;
        let changed = object.get_item($py, &key)?.$method($py, $value)?;
        object.set_item($py, &key, changed)
    }};
    (@step $py:ident, $object:expr, . $name:ident ($($arguments:tt)*) $($rest:tt)*) => {{
        let arguments = $crate::chain!(@arguments $crate::Arguments::new(), $($arguments)*);
        let object = $object.call_method($py, $crate::intern!(stringify!($name)), arguments)?;
        $crate::chain!(@step $py, object, $($rest)*)
    }};
    (@step $py:ident, $object:expr, . $name:ident $($rest:tt)*) => {{
        let object = $object.getattr($py, $crate::intern!(stringify!($name)))?;
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
