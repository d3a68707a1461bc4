//! Enums whose numbers travel: each is written once, with its names in C.

/// An enum with explicit numbers, each variant with its name in the header: also gives `ALL` and
/// `from_number`.
macro_rules! numbered {
    ($(#[$about:meta])* pub enum $enum:ident: $number:ident {
        $($(#[$doc:meta])* $variant:ident = $value:literal $name:literal,)*
    }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr($number)]
        pub enum $enum {
            $($(#[$doc])* $variant = $value,)*
        }

        impl $enum {
            /// Each one with its name in the header.
            pub const ALL: &[(Self, &str)] = &[$((Self::$variant, $name)),*];

            /// The one with this number, if there is one.
            #[inline]
            #[must_use]
            pub const fn from_number(number: $number) -> Option<Self> {
                match number {
                    $($value => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

pub(crate) use numbered;
