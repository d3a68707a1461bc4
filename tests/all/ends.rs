//! How programs end: the table of exit orders, each run by the command and by a native Python of the same version. Both
//! print the same, to both streams, and end with the same status.

use crate::support::{native_python, ophidia};

/// A name, and a program.
const PROGRAMS: &[(&str, &str)] = &[
    ("output that is replaced is flushed", "import io, sys
sys.stdout = io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, 'w', closefd=False)), write_through=False)
print('kept')"),
    ("output that buffers itself is flushed", "import sys
class Slow:
    held = ''
    def write(self, text): self.held += text
    def flush(self):
        sys.__stdout__.write(self.held)
        self.held = ''
sys.stdout = Slow()
print('held back')"),
    ("detached output is flushed", "import sys\nout = sys.stdout.detach()\nout.write(b'x\\n')"),
    ("output that is deleted is flushed", "import sys\nprint('a', end='')\ndel sys.stdout"),
    ("there may be no output", "import sys\nprint('a')\nsys.stdout = None\nprint('b')"),
    ("modules are there at the end of objects", "import json
class A:
    def __del__(self): print(json.dumps({'a': helper()}))
def helper(): return 1
a = A()"),
    ("objects find one another", "log = []
class A:
    def __init__(self, name): self.name = name
    def __del__(self):
        log.append(self.name)
        print(self.name, other.name, log)
a = A('a')
other = A('other')"),
    ("names may be anything", "globals()[1] = 2\nglobals()[(1,)] = object()\nprint('fine')"),
    ("objects in modules of the library", "import json
class A:
    def __del__(self): print('gone')
json.kept = [A()]"),
    ("generators are closed", "def steps():
    try: yield
    finally: print('closed')
it = steps()
next(it)"),
    ("cycles have their end once", "class A:
    def __del__(self): print('once')
a = A()
a.a = a"),
    ("exit callbacks come first, the last one before", "import atexit
class A:
    def __del__(self): print('object')
a = A()
atexit.register(print, 'first')
atexit.register(print, 'second')"),
    ("an exit callback that fails is told", "import atexit
def fails(): 1 / 0
atexit.register(print, 'still')
atexit.register(fails)"),
    ("an exception that leaves is shown where errors go", "import sys
class Errors:
    def write(self, text): sys.__stdout__.write(text.upper())
    def flush(self): pass
sys.stderr = Errors()
1 / 0"),
    ("or nowhere", "import sys\nsys.stderr = None\n1 / 0"),
    ("what exit says goes there too", "import sys
class Errors:
    def write(self, text): sys.__stdout__.write('<' + text + '>')
    def flush(self): pass
sys.stderr = Errors()
sys.exit('a reason')"),
    ("a hook shows it", "import sys\nsys.excepthook = lambda *it: print('hook', it[0])\n1 / 0"),
    ("a hook that fails is told", "import sys
def hook(kind, value, traceback): return value.nothing
sys.excepthook = hook
1 / 0"),
    ("a hook may exit", "import sys\nsys.excepthook = lambda *it: sys.exit(3)\n1 / 0"),
    ("a hook may be gone", "import sys\ndel sys.excepthook\n1 / 0"),
    ("a hook may be none", "import sys\nsys.excepthook = None\n1 / 0"),
    ("tracebacks may be short, and keep their end", "import sys
sys.tracebacklimit = 1
def inner(): 1 / 0
inner()"),
    ("a flush that fails at the end is told", "import sys
class Full:
    def write(self, text): return len(text)
    def flush(self): raise OSError(28, 'full')
    def __repr__(self): return '<full>'
sys.stdout = Full()
print('x')"),
    ("lines of the program stand in what it prints itself", "import traceback
def fails():
    return 1 / 0
try: fails()
except ZeroDivisionError: traceback.print_exc()"),
    ("and in logs", "import logging
try:
    [][1]
except IndexError: logging.exception('lost')"),
    ("functions have their source", "import inspect
def twice(x):
    return 2 * x
print(inspect.getsource(twice))"),
    ("causes are shown", "try: {}['a']
except KeyError as error: raise ValueError('b') from error"),
    ("groups are shown", "raise ExceptionGroup('all', [ValueError('a'), TypeError('b')])"),
    ("a status too large", "raise SystemExit(300)"),
    ("an object as status", "raise SystemExit([1, 2])"),
];

/// Addresses and the place of the library differ.
fn plain(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let mut out = String::new();
    let mut rest = &*text;
    while let Some(at) = rest.find("0x") {
        out.push_str(&rest[..at + 2]);
        rest = rest[at + 2..].trim_start_matches(|c: char| c.is_ascii_hexdigit());
    }
    out + rest
}

#[test]
fn the_table_of_exit_orders() {
    let mut wrong = Vec::new();
    for (name, program) in PROGRAMS {
        let here = ophidia(["run", "-c", program]).run();
        let native = native_python(["-c", program]).run();
        for (what, here, native) in [
            ("stdout", plain(&here.stdout), plain(&native.stdout)),
            ("stderr", plain(&here.stderr), plain(&native.stderr)),
            ("status", here.status.to_string(), native.status.to_string()),
        ] {
            if here != native {
                wrong.push(format!("{name}: {what}\nhere: {here}\nnative: {native}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), PROGRAMS.len(), wrong.join("\n\n"));
}

/// Files that nobody has closed are written out, also those that outlive the program's names.
#[test]
fn files_are_written_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = "import json, sys
folder = sys.argv[1]
one = open(folder + '/one', 'w')
one.write('1')
json.kept = open(folder + '/two', 'w')
json.kept.write('2')
class A: pass
a = A()
a.a, a.file = a, open(folder + '/three', 'w')
a.file.write('3')
four = open(folder + '/four', 'wb')
four.write(b'4')";
    let path = folder.path().display().to_string();
    ophidia(["run", "--dir", &format!("{path}:rw"), "-c", program, &path]).expect_ok();
    for (name, content) in [("one", "1"), ("two", "2"), ("three", "3"), ("four", "4")] {
        let found = std::fs::read_to_string(folder.path().join(name)).expect("a file");
        assert_eq!(found, content, "{name}");
    }
}
