//! `Function`: a Rust closure as a Python function, with its name, signature and documentation.

use super::answer;
use super::call::{BoundArguments, Call, Failure, PlainArguments};
use super::closure::{HostFunction, Outcome};
use super::parameters::{Kind, Parameter, bind};
use crate::bridge::{Encoder, Exported};
use crate::convert::ToPython;
use crate::error::{ConversionError, Error, Result};
use crate::python::Python;
use crate::value::{HostObject, Value};
use ophidia_abi::Want;
use std::sync::Arc;

/// A Rust closure as a Python function: with a name, a signature and documentation.
///
/// It is a value like any other: passed as an argument, returned, stored with
/// [`Python::set`](crate::Python::set). Cloning is cheap.
///
/// ```no_run
/// use ophidia::Function;
/// # fn main() -> ophidia::Result<()> {
/// # let mut py = ophidia::Runtime::ambient()?.interpreter().build()?;
/// py.set("double", Function::new("double", |number: i64| number * 2))?;
///
/// let scale = Function::new("scale", |value: f64, by: f64| value * by)
///     .doc("Scales a value.")
///     .param("value")
///     .param_default("by", 10.0);
/// py.set("scale", scale)?;
/// py.run("assert double(21) == 42 and scale(2.0) == 20.0 and scale(2.0, by=3.0) == 6.0")?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Function(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    name: String,
    /// The module or the class that it is part of.
    home: Option<String>,
    doc: Option<String>,
    arity: Option<usize>,
    /// `None`: takes whatever it is given.
    parameters: Option<Vec<Parameter>>,
    declared: bool,
    /// Whether Python awaits it.
    awaited: bool,
    /// Whether it is told the key of its call.
    keyed: bool,
    /// Whether a durable program is checkpointed after its calls.
    saves: bool,
    /// In what form arguments arrive.
    want: Want,
    run: Arc<dyn Run>,
}

/// A closure with its types forgotten. Gives the length of the answer it has written.
trait Run: Send + Sync {
    fn run(&self, py: &mut Python<'_>, call: Call, inner: &Inner) -> Result<u32, Failure>;

    /// The same with so many plain arguments, which lie in slots.
    fn run_plain(&self, _py: &mut Python<'_>, _count: u32, _inner: &Inner) -> Result<u32, Failure> {
        Err(Failure::NotPlain)
    }
}

impl Function {
    /// A function of Rust values: a closure of up to eight parameters, each [`FromPython`](crate::FromPython), before them
    /// a `&mut Python<'_>` if it calls Python itself. It returns something [`ToPython`], or a `Result`.
    ///
    /// An `Err` is raised in Python: a [`PythonError`](crate::PythonError) as the exception it
    /// describes, an [`Error`](crate::Error) of a call into Python as what was raised there, anything else as a
    /// `RuntimeError` whose message is the error and its causes. A panic ends the call of the host
    /// that led here with [`Error::Host`](crate::Error::Host).
    ///
    /// Without [`param`](Self::param) and the like, the parameters are positional. A [`CallKey`](crate::CallKey) before them is
    /// the key of the call, and no parameter.
    ///
    /// ```no_run
    /// use ophidia::{Arguments, Function, Value};
    /// # fn main() -> ophidia::Result<()> {
    /// # let mut py = ophidia::Runtime::ambient()?.interpreter().build()?;
    /// py.run("def foo(fn, *args, **kwargs): return fn(*args, **kwargs)")?;
    /// let collect = Function::new("collect", |d: i64, e: i64, named: Value| (d, e, named))
    ///     .positional("d")
    ///     .positional("e")
    ///     .var_keywords("named");
    /// let arguments = Arguments::new().arg(collect).arg(8).arg(9);
    /// let arguments = arguments.kwarg("a", 2).kwarg("b", 3).kwarg("d", 5);
    /// let result = py.get("foo")?.call(&mut py, arguments)?;
    /// assert_eq!(result.repr(&mut py)?, "(8, 9, {'a': 2, 'b': 3, 'd': 5})");
    /// # Ok(())
    /// # }
    /// ```
    pub fn new<M: 'static, F: HostFunction<M>>(name: impl Into<String>, function: F) -> Self {
        struct Typed<F, M>(F, std::marker::PhantomData<fn(M)>);
        impl<M: 'static, F: HostFunction<M>> Run for Typed<F, M> {
            fn run(&self, py: &mut Python<'_>, call: Call, inner: &Inner) -> Result<u32, Failure> {
                let parameters = inner.parameters.as_deref().unwrap_or_default();
                let values = bind(&inner.name, parameters, call)?;
                let name = |i: usize| parameters.get(i).map_or("", |parameter| &*parameter.name);
                let (function, want) = (&*inner.name, inner.want);
                let values = values.into_iter().enumerate();
                self.0.call(py, BoundArguments { function, values, name: &name, want })
            }

            fn run_plain(
                &self,
                py: &mut Python<'_>,
                count: u32,
                inner: &Inner,
            ) -> Result<u32, Failure> {
                let parameters = inner.parameters.as_deref().unwrap_or_default();
                let all = parameters.iter().all(Parameter::is_positional);
                if !all || count as usize != F::ARITY {
                    return Err(Failure::NotPlain);
                }
                self.0.call(py, PlainArguments { function: &inner.name, next: 0 })
            }
        }
        let parameters = (0..F::ARITY)
            .map(|i| Parameter::new(format!("arg{i}"), Kind::PositionalOnly))
            .collect();
        Self(Arc::new(Inner {
            name: name.into(),
            home: None,
            doc: None,
            arity: Some(F::ARITY),
            parameters: Some(parameters),
            declared: false,
            awaited: false,
            keyed: F::KEYED,
            saves: false,
            want: F::WANT,
            run: Arc::new(Typed(function, std::marker::PhantomData)),
        }))
    }

    /// A function that takes any arguments: `(*args, **kwargs)`.
    pub fn variadic<R: Outcome>(
        name: impl Into<String>,
        function: impl Fn(&mut Python<'_>, Call) -> R + Send + Sync + 'static,
    ) -> Self {
        struct Variadic<F>(F);
        impl<R: Outcome, F> Run for Variadic<F>
        where
            F: Fn(&mut Python<'_>, Call) -> R + Send + Sync,
        {
            fn run(&self, py: &mut Python<'_>, call: Call, _: &Inner) -> Result<u32, Failure> {
                let outcome = (self.0)(py, call).outcome()?;
                Ok(answer(py, &outcome)?)
            }
        }
        Self(Arc::new(Inner {
            name: name.into(),
            home: None,
            doc: None,
            arity: None,
            parameters: None,
            declared: false,
            awaited: false,
            keyed: false,
            saves: false,
            want: Want::Value,
            run: Arc::new(Variadic(function)),
        }))
    }

    /// Its documentation: `__doc__`.
    #[must_use]
    pub fn doc(mut self, doc: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.0).doc = Some(doc.into());
        self
    }

    /// Names the closure's next parameter, positional-only and required. Its name can still be a key of
    /// [`var_keywords`](Self::var_keywords).
    #[must_use]
    pub fn positional(self, name: impl Into<String>) -> Self {
        self.declare(Parameter::new(name, Kind::PositionalOnly))
    }

    /// Names the closure's next parameter, which is required.
    #[must_use]
    pub fn param(self, name: impl Into<String>) -> Self {
        self.declare(Parameter::new(name, Kind::Positional))
    }

    /// Names the closure's next parameter and gives its default.
    #[must_use]
    pub fn param_default(self, name: impl Into<String>, default: impl Into<Value>) -> Self {
        self.declare(Parameter::new(name, Kind::Positional).default(default))
    }

    /// The closure's next parameter takes the remaining positional arguments: Python's `*name`.
    #[must_use]
    pub fn var_args(self, name: impl Into<String>) -> Self {
        self.declare(Parameter::new(name, Kind::VarPositional))
    }

    /// The closure's next parameter is keyword-only and required.
    #[must_use]
    pub fn keyword(self, name: impl Into<String>) -> Self {
        self.declare(Parameter::new(name, Kind::KeywordOnly))
    }

    /// As [`keyword`](Self::keyword), with a default.
    #[must_use]
    pub fn keyword_default(self, name: impl Into<String>, default: impl Into<Value>) -> Self {
        self.declare(Parameter::new(name, Kind::KeywordOnly).default(default))
    }

    /// The closure's next parameter takes the remaining keyword arguments as a `dict`: Python's `**name`.
    #[must_use]
    pub fn var_keywords(self, name: impl Into<String>) -> Self {
        self.declare(Parameter::new(name, Kind::VarKeyword))
    }

    fn declare(mut self, parameter: Parameter) -> Self {
        let inner = Arc::make_mut(&mut self.0);
        let parameters = inner.parameters.get_or_insert_default();
        if !inner.declared {
            parameters.clear();
        }
        inner.declared = true;
        parameters.push(parameter);
        self
    }

    pub(super) fn awaited(mut self) -> Self {
        Arc::make_mut(&mut self.0).awaited = true;
        self
    }

    /// Lets a [`Durable`](crate::Durable) program be checkpointed where it waits next after a call of this function has
    /// ended, however shortly it waits: so that the call is not made again.
    #[must_use]
    pub fn checkpointed(mut self) -> Self {
        Arc::make_mut(&mut self.0).saves = true;
        self
    }

    pub(super) fn saves(&self) -> bool {
        self.0.saves
    }

    /// Whether it has to be noted what it was called with.
    #[inline]
    pub(super) fn is_recorded(&self) -> bool {
        self.0.awaited || self.0.keyed
    }

    /// What the table of the host's values keeps of it.
    fn export(&self) -> HostObject {
        HostObject(Arc::clone(&self.0) as _)
    }

    /// The function that the table holds.
    #[inline]
    pub(super) fn exported(held: HostObject) -> Result<Self> {
        let Ok(inner) = held.0.downcast() else {
            return Err(Error::GuestFault("a number that is no function of the host".into()));
        };
        Ok(Self(inner))
    }

    pub(super) fn is_awaited(&self) -> bool {
        self.0.awaited
    }

    /// What it is part of.
    pub(super) fn within(mut self, home: &str) -> Self {
        let inner = Arc::make_mut(&mut self.0);
        inner.home = match &inner.home {
            Some(own) => Some(format!("{home}.{own}")),
            None => Some(home.to_owned()),
        };
        self
    }

    /// Its name behind those of the module and the class that it is part of: what it is found by where an interpreter
    /// goes on elsewhere.
    pub(crate) fn path(&self) -> String {
        match &self.0.home {
            Some(home) => format!("{home}.{}", self.0.name),
            None => self.0.name.clone(),
        }
    }

    /// The function that an entry of the table is, if it is one.
    pub(crate) fn of_table(entry: &Exported) -> Option<Self> {
        match entry {
            Exported::Function(held) => Self::exported(held.clone()).ok(),
            Exported::Object(_) => None,
        }
    }

    /// As an entry of the table.
    pub(crate) fn to_table(&self) -> Exported {
        Exported::Function(self.export())
    }

    /// Its name in Python.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    pub(super) fn call(&self, py: &mut Python<'_>, call: Call) -> Result<u32, Failure> {
        self.0.run.run(py, call, &self.0)
    }

    /// As [`call`](Self::call), with so many plain arguments that lie in slots.
    #[inline]
    pub(super) fn call_plain(&self, py: &mut Python<'_>, count: u32) -> Result<u32, Failure> {
        self.0.run.run_plain(py, count, &self.0)
    }

    /// Writes what Python has to know: name, documentation, parameters.
    fn describe(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        let Inner { name, doc, arity, parameters, awaited, want, .. } = &*self.0;
        let declared = parameters.as_deref().map(<[_]>::len);
        if arity.is_some() && *arity != declared {
            return Err(ConversionError::new(
                format!("{} named parameters of {name}", arity.unwrap_or_default()),
                declared.unwrap_or_default().to_string(),
            ));
        }
        out.tuple(5, |out| {
            out.str(name)?;
            doc.as_deref().to_python(out)?;
            match parameters {
                None => out.none(),
                Some(parameters) => out.tuple(parameters.len(), |out| {
                    parameters.iter().try_for_each(|parameter| parameter.describe(out))
                }),
            }?;
            out.bool(*awaited)?;
            out.int((*want as u32).into())
        })
    }
}

impl Encoder<'_> {
    /// A function of the host.
    ///
    /// # Errors
    ///
    /// It has more or fewer named parameters than its closure; the guest holds as many values of the host as
    /// it may.
    pub fn function(&mut self, function: &Function) -> Result<(), ConversionError> {
        self.exported_function(function.export(), |out| function.describe(out))
    }
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Function").field("name", &self.0.name).finish_non_exhaustive()
    }
}
