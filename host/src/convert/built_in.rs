//! Objects, and members of an `Enum`, as instances of the built-in class that theirs is a subclass of.
//!
//! Most come that way already: the guest makes them plain where a Rust type is wanted. What comes as an object
//! nevertheless is asked for again. A member comes as itself, because enums of Rust are made of its name.

use super::{Args, FromPython};
use crate::bridge::On;
use crate::error::Result;
use crate::python::Python;
use crate::python::state::Guest;
use crate::value::{Object, Value};
use ophidia_abi::{Operation, Want};

/// What [`FromPython::from_guest`] does with what came as an object or a member.
#[cold]
pub(super) fn read<T: FromPython>(value: Value, py: &mut Python<'_>) -> Result<T> {
    let is_member = matches!(value, Value::Member(_));
    let object = value.as_object().cloned();
    let refused = match (T::from_python(value), object) {
        (Err(refused), Some(object)) if is_member => match py.member_as_plain(&object)? {
            Some(plain) => return Ok(T::from_python(plain)?),
            None => refused,
        },
        (Err(refused), Some(object)) => match py.object_again(object, T::WANT)?.0 {
            Value::Object(_) => refused,
            // It may be a member.
            value => return T::from_guest(value, py),
        },
        (read, _) => return Ok(read?),
    };
    Err(refused.into())
}

impl Python<'_> {
    /// What came as an object or a member, in the form `form`, as an instance of a built-in class if it is one; and
    /// in what form what is in it came.
    #[cold]
    pub(super) fn asked_again(&mut self, value: Value, form: Want) -> Result<(Value, Want)> {
        let (value, form) = match value {
            Value::Object(object) => self.object_again(object, form)?,
            value => (value, form),
        };
        let Value::Member(member) = value else { return Ok((value, form)) };
        // In this form it is a container first, if it is one, and a member second.
        let found = {
            let mut guest = self.guest();
            let on = guest.on(&member.object)?;
            let found = guest.asked(Operation::Identity, on, &(), Want::Objects1)?;
            guest.converted(found)?
        };
        if !matches!(found, Value::Member(_) | Value::Object(_)) {
            return Ok((found, Want::Objects1));
        }
        let plain = self.member_as_plain(&member.object)?;
        Ok((plain.unwrap_or(Value::Member(member)), form))
    }

    /// The object, asked for in this form: it came among others that are wanted in another one, or while converters
    /// are there, one of which may have been for it.
    fn object_again(&mut self, object: Object, form: Want) -> Result<(Value, Want)> {
        let mut guest = self.guest();
        let converting = guest.store.data().bridge.conversions.any;
        // What is in a container may be for a converter too.
        let forms = [Want::Container, form];
        let first = usize::from(!converting || form.holds_objects());
        for form in forms.into_iter().skip(first) {
            let on = guest.on(&object)?;
            match guest.asked(Operation::Identity, on, &(), form)? {
                Value::Object(_) => {}
                value => return Ok((guest.converted(value)?, form)),
            }
        }
        Ok((Value::Object(object), form))
    }

    /// The number, text or bytes that a member of an `Enum` is besides; `None` when it is none.
    ///
    /// Adding it to nothing, by a method of the built-in class, runs no code of the program.
    fn member_as_plain(&mut self, member: &Object) -> Result<Option<Value>> {
        let mut guest = self.guest();
        for nothing in NOTHINGS {
            let Nothing { added, compared, .. } = nothing;
            if let Some(name) = compared
                && !matches!(guest.of_nothing(nothing, name, "__le__", member)?, Value::Bool(_))
            {
                continue;
            }
            match guest.of_nothing(nothing, added, "__add__", member)? {
                Value::Object(_) => {}
                value => return Ok(Some(value)),
            }
        }
        Ok(None)
    }
}

/// What does not change what it is added to.
struct Nothing {
    value: fn() -> Value,
    /// Under which name the method that adds is kept.
    added: &'static str,
    /// The same of one that compares, where adding to another class is an exception: comparing is none.
    compared: Option<&'static str>,
}

/// Of each class, in an order in which an earlier one's does not take what a later one is.
const NOTHINGS: &[Nothing] = &[
    Nothing { value: || Value::Int(0), added: "int +", compared: None },
    Nothing { value: || Value::Float(-0.0), added: "float +", compared: None },
    Nothing { value: || Value::Str(String::new()), added: "str +", compared: Some("str <=") },
    Nothing { value: || Value::Bytes(Vec::new()), added: "bytes +", compared: Some("bytes <=") },
    Nothing {
        value: || Value::Complex { real: -0.0, imaginary: -0.0 },
        added: "complex +",
        compared: None,
    },
];

impl Guest<'_> {
    /// What a method of nothing gives: an object, `NotImplemented`, when the member is of another class.
    fn of_nothing(
        &mut self,
        nothing: &Nothing,
        name: &'static str,
        method: &str,
        member: &Object,
    ) -> Result<Value> {
        let method = self.kept(name, |guest| {
            guest.operate_own(Operation::GetAttr, On::NOTHING, &((nothing.value)(), method))
        })?;
        let on = self.on(&method)?;
        self.asked(Operation::Help, on, &(member,), Want::Value)
    }

    /// The value that an operation gives, before any converter.
    fn asked(
        &mut self,
        what: Operation,
        on: On,
        operands: &impl Args,
        want: Want,
    ) -> Result<Value> {
        self.perform(what, on, operands, want)?;
        self.value()
    }
}
