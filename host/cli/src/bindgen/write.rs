//! The text of the wrappers.

use super::names::{Names, camel, is_plain};
use super::{Callable, Class, Constant, Module, Parameter, Property};
use std::fmt::Write as _;

/// Names that the wrappers of a module or a class have already.
const TAKEN: &[&str] = &["import", "object", "into_object"];
/// Names that builders have already.
const BUILDER: &[&str] = &["call", "call_as", "args", "kwarg"];
/// Types in scope.
const TYPES: &[&str] = &[
    "Arguments",
    "FromPython",
    "Invocation",
    "Object",
    "Python",
    "Result",
    "ToPython",
    "Vec",
    "String",
];

/// The most lines of documentation that are taken over.
const LINES: usize = 200;

/// A Rust module.
pub(super) fn module(module: &Module) -> String {
    let mut out = String::new();
    let mut types = Names::with(TYPES);
    let name = types.kind(&module.name).unwrap_or_else(|| "Module".into());
    let _ = writeln!(
        out,
        "// Written by `ophidia bindgen` {} from Python's module {:?}; do not edit.\n\n\
         use ophidia::{{FromPython, Invocation, Object, Python, Result, ToPython}};\n",
        env!("CARGO_PKG_VERSION"),
        module.name
    );
    let mut writer = Writer { out, types };
    writer.wrapper(&name, &format!("The module `{}`.", plain(&module.name)), &module.doc);
    let mut names = Names::with(TAKEN);
    let mut body = String::new();
    let _ = writeln!(
        body,
        "    /// Imports the module.\n    ///\n    /// # Errors\n    ///\n    /// As [`Python::import`].\n    \
         pub fn import(py: &mut Python<'_>) -> Result<Self> {{\n        py.import({:?}).map(Self)\n    }}",
        module.name
    );
    let mut builders = String::new();
    for function in &module.functions {
        writer.function(&mut body, &mut builders, &mut names, "", function, None);
    }
    let mut classes = Vec::new();
    for class in &module.classes {
        let Some(kind) = writer.types.kind(&class.name) else { continue };
        writer.function(&mut body, &mut builders, &mut names, "", &class.constructor, Some(&kind));
        classes.push((kind, class));
    }
    for constant in &module.constants {
        constant_getter(&mut body, &mut names, constant);
    }
    writer.implementation(&name, &body, &builders);
    for (kind, class) in classes {
        writer.class(&kind, class);
    }
    writer.out
}

struct Writer {
    out: String,
    types: Names,
}

impl Writer {
    fn wrapper(&mut self, name: &str, title: &str, text: &str) {
        let _ = writeln!(self.out, "/// {title}");
        doc(&mut self.out, "", text);
        let _ = writeln!(
            self.out,
            "#[derive(Clone, Debug, FromPython, ToPython)]\npub struct {name}(Object);\n"
        );
    }

    fn implementation(&mut self, name: &str, body: &str, builders: &str) {
        let body = body.trim_start_matches('\n');
        let body = if body.is_empty() { String::new() } else { format!("{body}\n") };
        let _ = writeln!(
            self.out,
            "#[allow(clippy::all, reason = \"the names are Python's\")]\nimpl {name} {{\n{body}    \
             /// The object itself.\n    pub fn object(&self) -> &Object {{\n        &self.0\n    }}\n\n    \
             /// The object itself.\n    pub fn into_object(self) -> Object {{\n        self.0\n    }}\n}}\n"
        );
        self.out.push_str(builders);
    }

    fn class(&mut self, kind: &str, class: &Class) {
        self.wrapper(
            kind,
            &format!("An object of the class `{}`.", plain(&class.name)),
            &class.doc,
        );
        let (mut body, mut builders) = (String::new(), String::new());
        let mut names = Names::with(TAKEN);
        for method in &class.methods {
            self.function(&mut body, &mut builders, &mut names, kind, method, None);
        }
        for property in &class.properties {
            property_methods(&mut body, &mut names, property);
        }
        self.implementation(kind, &body, &builders);
    }

    /// A method that begins a call, and, when there is anything to leave out, the builder for it.
    fn function(
        &mut self,
        body: &mut String,
        builders: &mut String,
        names: &mut Names,
        prefix: &str,
        function: &Callable,
        returns: Option<&str>,
    ) {
        let Some(name) = names.value(&function.name) else { return };
        let result = returns.or_else(|| result_type(&function.returns)).unwrap_or("Object");
        let all = function.parameters.as_deref();
        // What cannot be named in Rust cannot be given by name: the function then takes what it is given.
        let all = all.filter(|all| all.iter().all(|parameter| is_plain(&parameter.name)));
        let parameters = all.unwrap_or_default();
        let is_required = |one: &&Parameter| !one.optional && matches!(one.kind, 0 | 1 | 3);
        let (mut taken, mut given) = (String::new(), String::new());
        let mut parameter_names = Names::with(&["self"]);
        for parameter in parameters.iter().filter(is_required) {
            let Some(rust) = parameter_names.value(&parameter.name) else { return };
            let _ = write!(taken, ", {rust}: {}", argument_type(&parameter.annotation));
            let _ = match parameter.kind {
                3 => write!(given, ".kwarg({:?}, {rust})", parameter.name),
                _ => write!(given, ".arg({rust})"),
            };
        }
        let optional: Vec<&Parameter> = parameters.iter().filter(|one| !is_required(one)).collect();
        let call = format!("Invocation::new(&self.0, {:?}){given}", function.name);
        let text = if function.doc.is_empty() { "" } else { &function.doc };
        let title = match all {
            Some(_) => format!("Begins a call of `{}`.", plain(&function.name)),
            None => format!(
                "Begins a call of `{}`, which does not tell its parameters.",
                plain(&function.name)
            ),
        };
        let _ = writeln!(body, "\n    /// {title}");
        doc(body, "    ", text);
        if optional.is_empty() {
            let _ = writeln!(
                body,
                "    pub fn {name}<'a>(&'a self{taken}) -> Invocation<'a, {result}> {{\n        {call}\n    }}"
            );
            return;
        }
        let wanted = format!("{prefix}{}Call", camel(&function.name));
        let Some(kind) = self.types.kind(&wanted) else { return };
        let _ = writeln!(
            body,
            "    pub fn {name}<'a>(&'a self{taken}) -> {kind}<'a> {{\n        {kind}({call})\n    }}"
        );
        builder(builders, &kind, &function.name, result, &optional);
    }
}

fn builder(out: &mut String, kind: &str, function: &str, result: &str, optional: &[&Parameter]) {
    let _ = writeln!(
        out,
        "/// A call of `{}` whose arguments are being given.\n#[derive(Debug)]\n\
         #[must_use = \"nothing is called before `call`\"]\npub struct {kind}<'a>(Invocation<'a, {result}>);\n\n\
         #[allow(clippy::all, reason = \"the names are Python's\")]\nimpl<'a> {kind}<'a> {{",
        plain(function)
    );
    let mut names = Names::with(BUILDER);
    for parameter in optional {
        match parameter.kind {
            2 => {
                let _ = writeln!(
                    out,
                    "    /// More positional arguments: Python's `*{}`.\n    pub fn args<T: ToPython + 'a>(self, \
                     values: impl IntoIterator<Item = T>) -> Self {{\n        Self(self.0.args(values))\n    }}\n",
                    parameter.name
                );
            }
            4 => {
                let _ = writeln!(
                    out,
                    "    /// One keyword argument more: Python's `**{}`.\n    pub fn kwarg(self, name: impl \
                     Into<String>, value: impl ToPython + 'a) -> Self {{\n        Self(self.0.kwarg(name, \
                     value))\n    }}\n",
                    parameter.name
                );
            }
            kind => {
                let Some(rust) = names.value(&parameter.name) else { continue };
                let what = argument_type(&parameter.annotation);
                let (title, set) = match kind {
                    0 => ("The next positional argument", "arg(value)".to_owned()),
                    _ => ("The argument", format!("kwarg({:?}, value)", parameter.name)),
                };
                let _ = writeln!(
                    out,
                    "    /// {title} `{}`.\n    pub fn {rust}(self, value: {what}) -> Self {{\n        \
                     Self(self.0.{set})\n    }}\n",
                    parameter.name
                );
            }
        }
    }
    let _ = writeln!(
        out,
        "    /// Calls it.\n    ///\n    /// # Errors\n    ///\n    /// As [`Object::call`].\n    pub fn \
         call(self, py: &mut Python<'_>) -> Result<{result}> {{\n        self.0.call(py)\n    }}\n\n    \
         /// Calls it; the result as another Rust type.\n    ///\n    /// # Errors\n    ///\n    /// As \
         [`Object::call`].\n    pub fn call_as<T: FromPython>(self, py: &mut Python<'_>) -> Result<T> {{\n        \
         self.0.call_as(py)\n    }}\n}}\n"
    );
}

fn constant_getter(out: &mut String, names: &mut Names, constant: &Constant) {
    let Some(name) = names.value(&constant.name) else { return };
    let result = result_type(&constant.kind).unwrap_or("Object");
    getter(out, &name, &constant.name, result, "", "The value of");
}

fn property_methods(out: &mut String, names: &mut Names, property: &Property) {
    let Some(name) = names.value(&property.name) else { return };
    let result = result_type(&property.returns).unwrap_or("Object");
    getter(out, &name, &property.name, result, &property.doc, "Reads");
    let Some(set) = property.settable.then(|| names.value(&format!("set_{}", property.name)))
    else {
        return;
    };
    let Some(set) = set else { return };
    let _ = writeln!(
        out,
        "\n    /// Sets `{}`.\n    ///\n    /// # Errors\n    ///\n    /// As [`Object::setattr`].\n    pub fn \
         {set}(&self, py: &mut Python<'_>, value: impl ToPython) -> Result<()> {{\n        \
         self.0.setattr(py, {:?}, value)\n    }}",
        plain(&property.name),
        property.name
    );
}

fn getter(out: &mut String, name: &str, python: &str, result: &str, text: &str, title: &str) {
    let _ = writeln!(out, "\n    /// {title} `{}`.", plain(python));
    doc(out, "    ", text);
    let _ = writeln!(
        out,
        "    ///\n    /// # Errors\n    ///\n    /// As [`Object::getattr`].\n    pub fn {name}(&self, py: \
         &mut Python<'_>) -> Result<{result}> {{\n        self.0.getattr_as(py, {python:?})\n    }}"
    );
}

/// The Rust type of a result that is annotated so.
fn result_type(annotation: &str) -> Option<&'static str> {
    Some(match annotation {
        "int" => "i64",
        "float" => "f64",
        "str" => "String",
        "bool" => "bool",
        "bytes" => "Vec<u8>",
        "None" | "NoneType" => "()",
        _ => return None,
    })
}

/// The Rust type of an argument that is annotated so.
fn argument_type(annotation: &str) -> &'static str {
    match annotation {
        "int" => "i64",
        "float" => "f64",
        "str" => "&'a str",
        "bool" => "bool",
        _ => "impl ToPython + 'a",
    }
}

/// A name of the guest's, for a line of documentation.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_alphanumeric() || "._".contains(*c)).take(200).collect()
}

/// Documentation as it was written, in a fence that it cannot end.
fn doc(out: &mut String, indent: &str, text: &str) {
    if text.trim().is_empty() {
        return;
    }
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let _ = writeln!(out, "{indent}///\n{indent}/// {fence}text");
    for line in text.lines().take(LINES) {
        // Control and direction characters would be errors, or would deceive a reader.
        let line: String = line.chars().filter(|c| is_shown(*c)).collect();
        let line = line.trim_end();
        let space = if line.is_empty() { "" } else { " " };
        let _ = writeln!(out, "{indent}///{space}{line}");
    }
    let _ = writeln!(out, "{indent}/// {fence}");
}

fn is_shown(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}
