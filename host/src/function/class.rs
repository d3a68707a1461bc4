//! Rust types as Python classes, and modules of the host.

use super::closure::HostFunction;
use super::definition::Function;
use super::shared::{HostMethod, Method, Shared};
use crate::bridge::Encoder;
use crate::convert::arity::each_arity;
use crate::convert::{FromPython, ToPython};
use crate::error::{ConversionError, Error, Result};
use crate::python::Python;
use crate::value::Object;
use crate::value::Value;
use std::any::Any;
use std::collections::BTreeMap;
use std::marker::PhantomData;

/// A Python class whose instances hold a Rust value that never leaves the host.
///
/// ```
/// use ophidia::Class;
/// # fn main() -> ophidia::Result<()> {
/// # let mut py = ophidia::Runtime::ambient()?.interpreter().build()?;
/// struct Account { balance: i64 }
///
/// let class = Class::<Account>::new("Account")
///     .init(|balance: i64| Account { balance })
///     .method("deposit", |account: &mut Account, amount: i64| account.balance += amount)
///     .property("balance", |account: &Account| account.balance);
/// let class = py.class(&class)?;
/// py.set("Account", &class)?;
/// py.run("account = Account(5)\naccount.deposit(2)\nassert account.balance == 7")?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Class<T> {
    parts: Parts,
    value: PhantomData<fn(T)>,
}

/// What a class consists of.
#[derive(Clone, Debug)]
struct Parts {
    name: String,
    doc: Option<String>,
    module: String,
    init: Option<Function>,
    methods: BTreeMap<String, Function>,
    properties: BTreeMap<String, (Function, Option<Function>)>,
    iterate: Option<Function>,
}

impl Parts {
    /// The same, in a module.
    fn within(mut self, module: &str) -> Self {
        let home = |function: Function| function.within(module);
        self.init = self.init.map(home);
        self.iterate = self.iterate.map(home);
        self.methods = self.methods.into_iter().map(|(name, it)| (name, home(it))).collect();
        let properties = self.properties.into_iter();
        self.properties =
            properties.map(|(name, (get, set))| (name, (home(get), set.map(home)))).collect();
        self
    }

    fn functions(&self) -> Vec<Function> {
        let properties = self.properties.values();
        let properties = properties.flat_map(|(get, set)| std::iter::once(get).chain(set));
        let methods = self.methods.values().chain(properties);
        methods.chain(&self.init).chain(&self.iterate).cloned().collect()
    }
}

impl ToPython for Parts {
    fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        let Self { name, doc, module, init, methods, properties, iterate } = self;
        (name, doc, module, init, methods, properties, iterate).to_python(out)
    }
}

impl<T: Any + Send> Class<T> {
    /// A class without a constructor, methods or properties.
    pub fn new(name: impl Into<String>) -> Self {
        let parts = Parts {
            name: name.into(),
            doc: None,
            module: "host".into(),
            init: None,
            methods: BTreeMap::new(),
            properties: BTreeMap::new(),
            iterate: None,
        };
        Self { parts, value: PhantomData }
    }

    /// Its documentation: `__doc__`.
    #[must_use]
    pub fn doc(mut self, doc: impl Into<String>) -> Self {
        self.parts.doc = Some(doc.into());
        self
    }

    /// The constructor, a closure that returns a `T` or a `Result<T, E>`. Without one Python cannot make
    /// instances.
    #[must_use]
    pub fn init<M: 'static, R>(self, init: impl Constructor<M, T, R>) -> Self {
        let name = self.parts.name.clone();
        self.init_function(init.function(name))
    }

    /// As [`init`](Self::init), with named parameters; it returns a [`Shared<T>`](Shared).
    #[must_use]
    pub fn init_function(mut self, function: Function) -> Self {
        self.parts.init = Some(function.within(&self.parts.name));
        self
    }

    /// A method: a closure of `&T` or `&mut T`, a `&mut Python<'_>` if it calls Python, and the
    /// method's own parameters. Names such as `__len__`, `__getitem__` or `__enter__` make the class
    /// answer to Python's own protocols.
    ///
    /// While it runs, the value is in use: Python that calls a method of the same value meanwhile gets
    /// a `RuntimeError`.
    #[must_use]
    pub fn method<M: 'static, F: HostMethod<T, M>>(self, name: &str, method: F) -> Self {
        self.method_with(name, method, |function| function)
    }

    /// As [`method`](Self::method), with documentation and named parameters: `describe` is given the
    /// function, whose first parameter, the value, has to be named too.
    #[must_use]
    pub fn method_with<M: 'static, F: HostMethod<T, M>>(
        mut self,
        name: &str,
        method: F,
        describe: impl FnOnce(Function) -> Function,
    ) -> Self {
        let method = describe(function(name, method)).within(&self.parts.name);
        self.parts.methods.insert(name.to_owned(), method);
        self
    }

    /// A property that can be read.
    #[must_use]
    pub fn property<M: 'static>(mut self, name: &str, get: impl HostMethod<T, M>) -> Self {
        let get = function(name, get).within(&self.parts.name);
        self.parts.properties.insert(name.to_owned(), (get, None));
        self
    }

    /// A property that can be read and set.
    #[must_use]
    pub fn property_mut<M: 'static, N: 'static>(
        mut self,
        name: &str,
        get: impl HostMethod<T, M>,
        set: impl HostMethod<T, N>,
    ) -> Self {
        let home = &self.parts.name;
        let set = function(name, set).within("setter").within(home);
        let functions = (function(name, get).within(home), Some(set));
        self.parts.properties.insert(name.to_owned(), functions);
        self
    }

    /// Makes instances iterable: the closure gives the items, as a list or a
    /// [`HostIterator`](crate::HostIterator).
    #[must_use]
    pub fn iter<M: 'static>(mut self, items: impl HostMethod<T, M>) -> Self {
        self.parts.iterate = Some(function("__iter__", items).within(&self.parts.name));
        self
    }
}

fn function<T: Any + Send, M: 'static>(name: &str, method: impl HostMethod<T, M>) -> Function {
    Function::new(name, Method(method, PhantomData))
}

impl<T> std::fmt::Debug for Class<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Class").field("name", &self.parts.name).finish_non_exhaustive()
    }
}

/// A closure that makes the value of a new instance; see [`Class::init`].
pub trait Constructor<M, T, R> {
    #[doc(hidden)]
    fn function(self, name: String) -> Function;
}

/// What a constructor returns.
pub trait Constructed<T> {
    #[doc(hidden)]
    fn constructed(self) -> Result<T, Box<dyn std::error::Error + Send + Sync>>;
}

impl<T> Constructed<T> for T {
    fn constructed(self) -> Result<T, Box<dyn std::error::Error + Send + Sync>> {
        Ok(self)
    }
}

impl<T, E: Into<Box<dyn std::error::Error + Send + Sync>>> Constructed<T> for Result<T, E> {
    fn constructed(self) -> Result<T, Box<dyn std::error::Error + Send + Sync>> {
        self.map_err(Into::into)
    }
}

macro_rules! constructor {
    ($($name:ident $field:tt),*) => {
        impl<Body, T: Any + Send, R: Constructed<T>, $($name: FromPython + 'static),*>
            Constructor<fn($($name),*), T, R> for Body
        where
            Body: Fn($($name),*) -> R + Send + Sync + 'static,
        {
            #[allow(non_snake_case, reason = "parameters are named like their types")]
            fn function(self, name: String) -> Function {
                Function::new(name, move |$($name: $name),*| {
                    self($($name),*).constructed().map(Shared::new)
                })
            }
        }
    };
}

constructor! {}
each_arity! { constructor }

/// A module of the host: what `import host.prices` finds.
///
/// ```
/// use ophidia::{Function, Module};
/// # fn main() -> ophidia::Result<()> {
/// # let mut py = ophidia::Runtime::ambient()?.interpreter().build()?;
/// let prices = Module::new("host.prices")
///     .doc("Prices of today.")
///     .function("of", |name: String| if name == "tea" { 2.5 } else { 4.0 })
///     .value("currency", "EUR");
/// py.add_module(&prices)?;
/// py.run("from host import prices\nassert prices.of('tea') == 2.5")?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Module {
    name: String,
    doc: Option<String>,
    members: BTreeMap<String, Entry>,
    classes: Vec<Parts>,
}

#[derive(Clone, Debug)]
enum Entry {
    Function(Function),
    Value(Value),
}

impl ToPython for Entry {
    fn to_python(&self, out: &mut Encoder<'_>) -> Result<(), ConversionError> {
        match self {
            Self::Function(function) => out.function(function),
            Self::Value(value) => value.to_python(out),
        }
    }
}

impl Module {
    /// An empty module with this dotted name.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), doc: None, members: BTreeMap::new(), classes: Vec::new() }
    }

    /// Its documentation: `__doc__`.
    #[must_use]
    pub fn doc(mut self, doc: impl Into<String>) -> Self {
        self.doc = Some(doc.into());
        self
    }

    /// Adds a function: a closure as [`Function::new`] takes it.
    #[must_use]
    pub fn function<M: 'static, F: HostFunction<M>>(self, name: &str, function: F) -> Self {
        self.add_function(Function::new(name, function))
    }

    /// Adds a function under its own name.
    #[must_use]
    pub fn add_function(mut self, function: Function) -> Self {
        let name = function.name().to_owned();
        self.members.insert(name, Entry::Function(function.within(&self.name)));
        self
    }

    /// Adds a class under its own name.
    #[must_use]
    pub fn class<T: Any + Send>(mut self, class: Class<T>) -> Self {
        let parts = Parts { module: self.name.clone(), ..class.parts };
        self.classes.push(parts.within(&self.name));
        self
    }

    /// Adds a value. An [`Object`] belongs to one interpreter, so a module that has one cannot be part of a
    /// [`Sandbox`](crate::Sandbox).
    #[must_use]
    pub fn value(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), Entry::Value(value.into()));
        self
    }

    /// All functions that it brings, those of its classes too.
    pub(crate) fn functions(&self) -> Vec<Function> {
        let own = self.members.values().filter_map(|member| match member {
            Entry::Function(function) => Some(function.clone()),
            Entry::Value(_) => None,
        });
        own.chain(self.classes.iter().flat_map(Parts::functions)).collect()
    }

    /// That any interpreter can be given it.
    pub(crate) fn check(&self) -> Result<()> {
        let bound = |member: &Entry| matches!(member, Entry::Value(value) if value.holds_object());
        match self.members.iter().find(|(_, member)| bound(member)) {
            None => Ok(()),
            Some((name, _)) => Err(Error::grant(format!(
                "module {}: {name} is an object of one interpreter: add the module to that one with \
                 `add_module`, or make the value plain",
                self.name
            ))),
        }
    }
}

impl Python<'_> {
    /// Makes a class of the host.
    pub fn class<T: Any + Send>(&mut self, class: &Class<T>) -> Result<Object> {
        let Parts { name, doc, module, init, methods, properties, iterate } = &class.parts;
        self.call_helper("make_class", (name, doc, module, init, methods, properties, iterate))
    }

    /// Makes an instance of a class of the host that holds this value.
    pub fn instance<T: Any + Send>(&mut self, class: &Object, value: &Shared<T>) -> Result<Object> {
        self.call_helper("make_instance", (class, value))
    }

    /// Makes a module of the host importable. It replaces a module of the same name.
    pub fn add_module(&mut self, module: &Module) -> Result<Object> {
        let Module { name, doc, members, classes } = module;
        self.call_helper("add_module", (name, doc, members, classes))
    }
}
