//! `ophidia bindgen`: what it writes compiles without warnings, documents without warnings, and works.

use crate::compiling::{Built, builds};
use crate::support::{Call, ophidia, repository};
use std::fs;
use std::path::Path;
use std::process::Command;

impl Built {
    /// Compiles and documents wrappers, without a warning.
    fn bindings(&self, folder: &Path) -> Result<(), String> {
        let source = folder.join("bindings.rs");
        let source = source.to_str().expect("UTF-8");
        let out = folder.to_str().expect("UTF-8");
        let lib = ["--crate-type", "lib", "--crate-name", "bindings", source];
        self.compile("rustc", &[&lib[..], &["-C", "opt-level=0", "--out-dir", out]].concat())?;
        self.compile("rustdoc", &[&lib[..], &["-D", "warnings", "-o", out]].concat())
    }
}

/// Writes wrappers of modules into a folder, as a crate.
fn generate(folder: &Path, modules: &[&str], site: Option<&Path>) {
    let mut source = String::from("//! Wrappers.\n#![deny(warnings, missing_docs)]\n");
    for module in modules {
        let name = module.replace('.', "_");
        let file = folder.join(format!("{name}.rs"));
        let mut call: Call = ophidia(["bindgen", module, "-o"]).arg(&file);
        if let Some(site) = site {
            call = call.arg("--site").arg(site);
        }
        call.expect_ok().stderr_is_empty();
        source.push_str(&format!("/// One.\npub mod {name};\n"));
    }
    fs::write(folder.join("bindings.rs"), source).expect("written");
}

const PROGRAM: &str = r##"
use bindings::{json, math, numpy_linalg, statistics};
use ophidia::Runtime;

fn main() -> ophidia::Result<()> {
    let mut py = Runtime::ambient()?.interpreter().build()?;
    let math = math::Math::import(&mut py)?;
    assert_eq!(math.sqrt(2.25).call_as::<f64>(&mut py)?, 1.5);
    assert_eq!(math.pi(&mut py)?, std::f64::consts::PI);
    assert_eq!(math.gcd().args([12, 18]).call_as::<i64>(&mut py)?, 6);
    assert_eq!(math.isclose(1.0, 1.01).rel_tol(0.1).call_as::<bool>(&mut py)?, true);

    let statistics = statistics::Statistics::import(&mut py)?;
    assert_eq!(statistics.median([3, 1, 2]).call_as::<i64>(&mut py)?, 2);
    let cuts = statistics.quantiles([1, 2, 3, 4, 5]).n(4).method("inclusive");
    assert_eq!(cuts.call_as::<Vec<f64>>(&mut py)?, [2.0, 3.0, 4.0]);
    let normal = statistics.normal_dist().mu(10.0).sigma(2.0).call(&mut py)?;
    assert_eq!(normal.cdf(10.0).call_as::<f64>(&mut py)?, 0.5);
    assert_eq!(normal.stdev(&mut py)?.extract::<f64>(&mut py)?, 2.0);

    let json = json::Json::import(&mut py)?;
    let text = json.dumps([(1, "a")]).indent(None::<i64>).separators((",", ":"));
    assert_eq!(text.call_as::<String>(&mut py)?, r#"[[1,"a"]]"#);
    assert_eq!(json.loads("[1, 2]").call_as::<Vec<i64>>(&mut py)?, [1, 2]);
    let error = json.loads("[1, ").call(&mut py).unwrap_err();
    assert!(error.to_string().starts_with("json.decoder.JSONDecodeError"), "{error}");

    let linalg = numpy_linalg::NumpyLinalg::import(&mut py)?;
    let matrix = py.import("numpy")?.call_method(&mut py, "array", ([[2.0, 0.0], [0.0, 3.0]],))?;
    assert_eq!(linalg.det(&matrix).call_as::<f64>(&mut py)?, 6.0);
    let values = linalg.svd(&matrix).compute_uv(false).call(&mut py)?;
    let values: Vec<f64> = values.call_method_as(&mut py, "tolist", ())?;
    assert!(values.len() == 2 && (values[0] - 3.0).abs() < 1e-12, "{values:?}");
    let solved = linalg.solve(&matrix, [2.0, 9.0]).call(&mut py)?;
    assert_eq!(solved.call_method_as::<Vec<f64>>(&mut py, "tolist", ())?, [1.0, 3.0]);
    let error = linalg.inv([[0.0, 0.0], [0.0, 0.0]]).call(&mut py).unwrap_err();
    assert!(error.to_string().starts_with("numpy.linalg.LinAlgError"), "{error}");
    Ok(())
}
"##;

#[test]
fn wrappers_compile_and_run() {
    let made = tempfile::tempdir().expect("a folder");
    let folder = made.path();
    generate(folder, &["math", "statistics", "json", "numpy.linalg"], None);
    let mut said = String::new();
    for built in builds() {
        match built.bindings(folder).and_then(|()| runs(&built, folder, PROGRAM)) {
            Ok(()) => return runs(&built, folder, &program_of_the_guide()).expect("it compiles"),
            Err(error) if said.is_empty() => said = error,
            Err(_) => {}
        }
    }
    panic!("{said}");
}

/// Compiles a program with the wrappers and runs it.
fn runs(built: &Built, folder: &Path, source: &str) -> Result<(), String> {
    let (program, binary) = (folder.join("main.rs"), folder.join("main"));
    fs::write(&program, source).expect("written");
    let bindings = format!("bindings={}", folder.join("libbindings.rlib").display());
    let (from, to) = (program.to_str().expect("UTF-8"), binary.to_str().expect("UTF-8"));
    built.compile("rustc", &[from, "--extern", &bindings, "-o", to])?;
    let output = Command::new(&binary).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// The program in the chapter about wrappers.
fn program_of_the_guide() -> String {
    let chapter = repository().join("docs/src/wrappers.md");
    let chapter = fs::read_to_string(chapter).expect("the chapter");
    let (_, rest) = chapter.split_once("```rust,ignore\n").expect("a program");
    rest.split_once("```").expect("its end").0.to_owned()
}

/// Names that are Rust code, documentation that would end its comment, clashes, and far too much.
const HOSTILE: &str = r#"
'''``` ends the fence
````
*/ } fn evil() { loop {} } /*
#![feature(evil)] \u202e \x00 \r [link] <script> &lt;'''
import inspect
def call(self, args=1, *, kwarg=2, **type): '``````````'
def Object(x: int, Self=1) -> str: pass
class Result:
    object = property(lambda self: 1)
    def import_(self, a, b, c, d, e, f, g, h): pass
    def to_string(self): pass
    @property
    def match(self) -> int: 'Doc.'
    @classmethod
    def make(cls, x: str): pass
class result: pass
def self(): pass
def crate(): pass
def vecPush(): pass
def vec_push(): pass
größe = 1
globals()['x(); } fn evil() { //'] = call
globals()['new\nline'] = call
lies = lambda: 1
lies.__signature__ = 'no signature'
lies.__doc__ = 7
for i in range(5_000):
    globals()[f'constant_{i}'] = i
    exec(f'def f{i}(a, b=1): pass')
__all__ = [name for name in globals() if not name.startswith('_')] + [7, None, 'missing', '🐍']
"#;

#[test]
fn hostile_modules_stay_comments() {
    let made = tempfile::tempdir().expect("a folder");
    let folder = made.path();
    let site = folder.join("site");
    fs::create_dir(&site).expect("a folder");
    fs::write(site.join("hostile.py"), HOSTILE).expect("written");
    generate(folder, &["hostile"], Some(&site));
    let text = fs::read_to_string(folder.join("hostile.rs")).expect("written");
    let code: Vec<&str> =
        text.lines().map(str::trim).filter(|line| !line.starts_with("//")).collect();
    assert!(!code.iter().any(|line| line.contains("evil")), "only in comments");
    assert!(text.contains("pub struct Result2(Object);"));
    assert!(text.matches("pub fn ").count() < 10_000);
    assert!(!text.contains('\u{202e}') && !text.contains('\0'));
    let mut said = String::new();
    let compiled = builds().iter().any(|built| match built.bindings(folder) {
        Ok(()) => true,
        Err(error) => {
            if said.is_empty() {
                said = error;
            }
            false
        }
    });
    assert!(compiled, "{said}");
}

#[test]
fn what_cannot_be_wrapped_is_said() {
    let outcome = ophidia(["bindgen", "no_such_module"]).expect_status(1);
    outcome.stderr_has("no_such_module: it cannot be imported here: ModuleNotFoundError");
    ophidia(["bindgen", "math", "-o", "/no/such/folder/math.rs"]).expect_status(2);
    ophidia(["bindgen", "--help"]).expect_ok().stdout_has("Write a Rust module");
    ophidia(["bindgen", "math"]).expect_ok().stdout_has("pub fn sqrt");
}
