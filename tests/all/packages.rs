//! Packages that everybody imports, from the registry as they are: each does its work, with the same output as under a
//! native Python.

use crate::support::{native_python, ophidia, repository, site_packages};
use std::fs;

const PROGRAMS: &[(&str, &str)] = &[
    ("sympy", "import sympy\nx = sympy.symbols('x')\nprint(sympy.integrate(sympy.exp(-x**2), (x, -sympy.oo, sympy.oo)), sympy.factor(x**4 - 1))"),
    ("mpmath", "import mpmath\nmpmath.mp.dps = 30\nprint(mpmath.zeta(3))"),
    ("black", "import black\nprint(black.format_str('def f(a,b): return {  1:a ,2 : b}', mode=black.Mode()), end='')"),
    ("platformdirs", "import platformdirs\nprint(platformdirs.user_cache_dir('x', 'y').endswith('x'))"),
    ("rich", "import io, rich.console, rich.progress, rich.table
console = rich.console.Console(file=io.StringIO(), width=60, force_terminal=False)
table = rich.table.Table('tea', 'price')
table.add_row('green', '2.50')
console.print(table)
with rich.progress.Progress(console=console, auto_refresh=False) as progress:
    for i in progress.track(range(3)): pass
print(console.file.getvalue().splitlines()[:4])"),
    ("click", "import click
from click.testing import CliRunner
@click.command()
@click.option('--count', default=2)
def main(count):
    with click.progressbar(range(count), file=click.get_text_stream('stdout')) as bar:
        for i in bar: pass
    click.echo(f'{count} done')
result = CliRunner().invoke(main, ['--count', '3'])
print(result.exit_code, result.output.splitlines()[-1])"),
    ("openpyxl", "import io, openpyxl
book = openpyxl.Workbook()
book.active['A1'] = 42
book.active.append(['tea', 2.5])
file = io.BytesIO()
book.save(file)
again = openpyxl.load_workbook(io.BytesIO(file.getvalue()))
print([[cell.value for cell in row] for row in again.active.iter_rows()])"),
    ("pygments", "import pygments, pygments.lexers, pygments.formatters
print(pygments.highlight('x = 1', pygments.lexers.PythonLexer(), pygments.formatters.HtmlFormatter()))"),
];

#[test]
fn packages_work_as_they_are() {
    let site = site_packages(&repository().join("tests/packages/requirements.txt"));
    let folder = tempfile::tempdir().expect("a folder");
    let temporary = folder.path().display().to_string();
    let mut failed = Vec::new();
    for (name, program) in PROGRAMS {
        let here = ophidia(["run", "--site"])
            .arg(&site)
            // Some write temporary files.
            .args(["--dir", &format!("{temporary}:rw"), "--env", &format!("TMPDIR={temporary}")])
            .args(["-c", program])
            .current_dir(folder.path())
            .run();
        let native = native_python(["-c", program]);
        let native = native.env("PYTHONPATH", &site).current_dir(folder.path()).expect_ok();
        if here.status != 0 || here.stdout != native.stdout {
            failed.push(format!("{name}: {here:?}\nnative: {native:?}"));
        }
    }
    assert!(
        failed.is_empty(),
        "{} of {} fail:\n{}",
        failed.len(),
        PROGRAMS.len(),
        failed.join("\n")
    );
}

#[test]
fn pytest_runs_tests() {
    let site = site_packages(&repository().join("tests/packages/requirements.txt"));
    let folder = tempfile::tempdir().expect("a folder");
    let test = "import pytest
@pytest.mark.parametrize('value', [1, 2])
def test_adds(value): assert value + 1 > value
def test_raises():
    with pytest.raises(ZeroDivisionError): 1 / 0
def test_says(capsys):
    print('said')
    assert capsys.readouterr().out == 'said\\n'
def test_writes_to_the_descriptor(capfd):
    import os
    os.write(1, b'written\\n')
    assert capfd.readouterr().out == 'written\\n'
def test_has_a_folder(tmp_path):
    (tmp_path / 'a.txt').write_text('kept')
    assert [path.name for path in tmp_path.iterdir()] == ['a.txt']
";
    fs::write(folder.path().join("test_it.py"), test).expect("a file");
    let path = folder.path().display().to_string();
    let outcome = ophidia(["run", "--site"])
        .arg(&site)
        .args(["--dir", &path, "-m", "pytest", &path])
        .current_dir(&path)
        .run();
    let said = String::from_utf8_lossy(&outcome.stdout);
    assert!(outcome.status == 0 && said.contains("6 passed"), "{outcome:?}");
}

/// The second start finds the bytecode of the first, as long as the source has the same content.
#[test]
fn bytecode_is_kept_by_content() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = tempfile::tempdir().expect("a folder");
    for shared in ["guest", "image"] {
        let (from, to) = (ophidia_tests::cache().join(shared), cache.path().join(shared));
        std::os::unix::fs::symlink(from, to).expect("a link");
    }
    let module = folder.path().join("shop.py");
    fs::write(&module, "price = 2\n").expect("a file");
    let run_of = |program: &str, printed: &str| {
        ophidia(["run", "--site"])
            .arg(folder.path())
            .args(["-c", program])
            .env("OPHIDIA_CACHE", cache.path())
            .expect_ok()
            .stdout_is(printed);
    };
    let program = "import shop; print(shop.price, '/usr/lib/bytecode' in shop.__cached__)";
    let run = |printed: &str| run_of(program, printed);
    let kept = || {
        let mut found = Vec::new();
        let mut folders = vec![cache.path().join("bytecode")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                if entry.path().is_dir() {
                    folders.push(entry.path())
                } else {
                    found.push(entry.path())
                }
            }
        }
        found.retain(|path| path.extension().is_some_and(|it| it == "pyc"));
        found
    };
    run("2 True\n");
    let files = kept();
    assert_eq!(files.len(), 1, "{files:?}");
    let before = fs::metadata(&files[0]).expect("there").modified().expect("a time");
    run("2 True\n");
    assert_eq!(fs::metadata(&files[0]).expect("there").modified().expect("a time"), before);
    // What is as it was is not read.
    let program = "import sys; seen = []
sys.addaudithook(lambda event, args: event == 'open' and seen.append(str(args[0])))
import shop; print(any(name.endswith('shop.py') for name in seen), any('shop' in name for name in seen))";
    run_of(program, "False True\n");
    // Other content, even with the old time, is compiled again.
    let time = fs::metadata(&module).expect("there").modified().expect("a time");
    fs::write(&module, "price = 3\n").expect("a file");
    fs::File::options()
        .write(true)
        .open(&module)
        .expect("a file")
        .set_modified(time)
        .expect("a time");
    run("3 True\n");
    let changed = || fs::metadata(&files[0]).expect("there").modified().expect("a time");
    assert_ne!(changed(), before);
    run_of(program, "False True\n");
    // Where it changes after the start, Python sees that.
    let site = folder.path().display();
    let program = format!(
        "open('{site}/shop.py', 'w').write('price = 4\\n'); import shop; print(shop.price)"
    );
    ophidia(["run", "--site"])
        .arg(folder.path())
        .args(["--dir", &format!("{site}:rw"), "-c", &program])
        .env("OPHIDIA_CACHE", cache.path())
        .expect_ok()
        .stdout_is("4\n");
    run("4 True\n");
    // A module that does not compile says so when it is imported, not before; what is as it was is not compiled
    // again for it.
    let last = changed();
    fs::write(folder.path().join("broken.py"), "def (\n").expect("a file");
    run("4 True\n");
    assert_eq!(changed(), last);
}
