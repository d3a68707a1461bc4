//! How many items tuples may have, and closures parameters: up to eight.

/// Gives a macro the lists of type parameters and of fields, from one to eight of them.
macro_rules! each_arity {
    ($then:ident) => {
        $then! { A 0 }
        $then! { A 0, B 1 }
        $then! { A 0, B 1, C 2 }
        $then! { A 0, B 1, C 2, D 3 }
        $then! { A 0, B 1, C 2, D 3, E 4 }
        $then! { A 0, B 1, C 2, D 3, E 4, F 5 }
        $then! { A 0, B 1, C 2, D 3, E 4, F 5, G 6 }
        $then! { A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7 }
    };
}

/// How many these are.
macro_rules! arity {
    ($($field:tt)*) => { <[usize]>::len(&[$($field),*]) };
}

pub(crate) use {arity, each_arity};
