//! Programs that people wrote for such tools and found wanting, each with the value that a native Python gives.

use crate::library::RUNTIME;
use crate::support::{interpreter, native_python, ophidia, raised, text};
use ophidia::{Error, LimitExceeded};
use std::fs;

/// The command prints what a native Python of the same version prints, and both succeed.
#[track_caller]
fn same(programs: &[&str]) {
    assert!(!programs.is_empty());
    for program in programs {
        let native = native_python(["-c", program]).expect_ok();
        let here = ophidia(["run", "--timeout", "60s", "-c", program]).run();
        let said = String::from_utf8_lossy(&here.stderr);
        assert_eq!(here.status, 0, "{program}\n{said}");
        assert_eq!(
            String::from_utf8_lossy(&here.stdout),
            String::from_utf8_lossy(&native.stdout),
            "{program}"
        );
    }
}

/// As deep as natively: calls by way of C, and nested source text.
#[test]
fn the_command_recurses_as_deep_as_python() {
    same(&[
        "import functools
@functools.lru_cache(None)
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
print(fib(300))",
        "class A:
    def __init__(self, n): self.n = n
    def __add__(self, n): return n if self.n == 0 else A(self.n - 1) + (n + 1)
print(A(300) + 0)",
        "def f(n): return 0 if n == 0 else sum(map(f, [n - 1])) + 1\nprint(f(300))",
        "def f(n): return sorted([n], key=lambda n: f(n - 1) if n else 0)[0]\nprint(f(300))",
        "import json\na = []\nfor i in range(900): a = [a]\nprint(len(json.dumps(a)))",
        "import pickle\na = []\nfor i in range(400): a = [a]\nprint(len(pickle.dumps(a)))",
        "print(eval('(' * 150 + '1' + ')' * 150))",
        "print(eval('+'.join(['1'] * 2_000)))",
        "exec('x = 599\\nif x == 0: pass\\n' + ''.join(f'elif x == {i}: print({i})\\n' for i in range(1, 600)))",
        "print(eval('[' * 150 + ']' * 150))",
    ]);
}

/// Deeper than there is room for is an error of Python's, wherever it happens, and the interpreter goes on.
#[test]
fn too_deep_is_a_recursion_error() {
    let mut py = interpreter();
    for (nest, use_it) in [
        ("it = filter(None, it)", "next(it)"),
        ("it = map(int, it)", "next(it)"),
        ("it = zip(it)", "next(it)"),
        ("it = enumerate(it)", "next(it)"),
        ("it = itertools.chain(it)", "next(it)"),
        ("it = itertools.islice(it, 9)", "next(it)"),
        ("it = itertools.takewhile(bool, it)", "next(it)"),
        ("it = (x for x in it)", "next(it)"),
        ("it = reversed([it])", "hash(it)"),
        ("it = (it,)", "hash(it)"),
        ("it = types.MethodType(len, it)", "it == it"),
        ("it = slice(it)", "it.start"),
        ("it = functools.partial(print, it)", "it.func"),
        ("it = property(it)", "it.fget"),
        ("it = (lambda it: lambda: it)(it)", "it()"),
        ("it = [it]", "repr(it)"),
        ("it = {1: it}", "repr(it)"),
        ("it = iter([it])", "it"),
        ("it = memoryview(bytes(1)) if it else it", "it"),
        ("it = Ref(keep(it))", "hash(it)"),
    ] {
        py.run(&format!(
            "import functools, itertools, types, weakref
kept = []
class Ref(weakref.ref): __slots__ = ('__weakref__',)
class Start:
    def __iter__(self): return iter([1] * 9)
def keep(value):
    kept.append(value)
    return value
it = iter([1] * 9)
if {use_it:?}.startswith('hash') and 'Ref(' in {nest:?}: it = Start()
for i in range(100_000): {nest}"
        ))
        .unwrap_or_else(|error| panic!("{nest}: {error}"));
        let used = py.run(&format!("try: {use_it}\nexcept RecursionError: pass"));
        used.unwrap_or_else(|error| panic!("{nest}: {use_it}: {error}"));
        let gone = py.run("del it\nkept.clear()\nimport gc\ngc.collect()");
        gone.unwrap_or_else(|error| panic!("{nest}: when it goes: {error}"));
        assert!(!py.is_poisoned(), "{nest}");
    }
}

#[test]
fn a_runtime_gives_more_stack() -> ophidia::Result<()> {
    let cache = ophidia_tests::cache();
    let runtime = ophidia::Runtime::builder(&cache).max_interpreters(1).stack(25 << 20).build()?;
    let program = "import functools\n@functools.cache\ndef fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)\nfib(320)";
    let deep = runtime.clone();
    let thread = std::thread::Builder::new().stack_size(27 << 20);
    let ran = thread.spawn(move || deep.interpreter().build()?.run(program)).expect("a thread");
    ran.join().expect("no panic")?;
    // This thread has too little of it.
    let refused = std::thread::spawn(move || runtime.interpreter().build().map(drop));
    let error = refused.join().expect("no panic").expect_err("too little stack");
    assert!(error.to_string().contains("stack"), "{error}");
    // And by default there are 600 levels.
    assert_eq!(raised(interpreter().run(program)).type_name, "RecursionError");
    for bytes in [0, (3 << 19) - 1, (25 << 20) + 1, usize::MAX] {
        let error = ophidia::Runtime::builder(&cache).stack(bytes).build().expect_err("refused");
        assert!(
            error.to_string().contains("stack") && error.to_string().contains(&bytes.to_string()),
            "{error}"
        );
    }
    Ok(())
}

/// Relative paths begin at the current folder, and lead to what of it is granted.
#[test]
fn relative_paths() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = fs::canonicalize(folder.path()).expect("a path");
    fs::create_dir_all(path.join("data/deep")).expect("folders");
    fs::create_dir(path.join("scripts")).expect("a folder");
    fs::write(path.join("data/x.csv"), "1,2\n").expect("a file");
    fs::write(path.join("scripts/show.py"), "import sys\nprint(open(sys.argv[1]).read(), end='')")
        .expect("a file");
    let here = |arguments: &[&str]| ophidia(arguments).current_dir(&path).run();
    let shown = here(&["run", "--dir", "data", "-c", "print(open('data/x.csv').read(), end='')"]);
    assert_eq!(String::from_utf8_lossy(&shown.stdout), "1,2\n", "{shown:?}");
    let shown = here(&["run", "--dir", "data", "scripts/show.py", "data/x.csv"]);
    assert_eq!(String::from_utf8_lossy(&shown.stdout), "1,2\n", "{shown:?}");
    let named = here(&["run", "-c", "import os; print(os.getcwd(), os.path.abspath('x'))"]);
    let own = path.display();
    assert_eq!(String::from_utf8_lossy(&named.stdout), format!("{own} {own}/x\n"));
    // The name grants nothing.
    let missing = here(&["run", "-c", "open('data/x.csv')"]);
    assert!(String::from_utf8_lossy(&missing.stderr).contains("FileNotFoundError"), "{missing:?}");
    let listed = here(&["run", "-c", "import os; os.listdir()"]);
    assert_eq!(listed.status, 1, "{listed:?}");
}

/// One call moves as much as a program likes.
#[test]
fn large_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().display().to_string();
    let program = "import numpy, pickle, sys
name = sys.argv[1] + '/x'
data = bytes(range(256)) * (150 << 12)
with open(name, 'wb', buffering=0) as file: assert file.write(data) == len(data)
with open(name, 'rb') as file: assert file.read() == data
numpy.save(name + '.npy', numpy.frombuffer(data, dtype=numpy.uint8))
assert numpy.load(name + '.npy').nbytes == len(data)
with open(name, 'wb') as file: pickle.dump(data, file)
with open(name, 'rb') as file: assert pickle.load(file) == data
print(len(data))";
    let arguments =
        ["run", "--memory", "2GiB", "--dir", &format!("{path}:rw"), "-c", program, &path];
    ophidia(arguments).expect_ok().stdout_is("157286400\n");
}

/// The right to write is of the place that is reached, by whatever name.
#[test]
fn links_do_not_lead_around_a_grant() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    fs::create_dir_all(path.join("work/keep")).expect("folders");
    fs::write(path.join("work/keep/old"), "old").expect("a file");
    let work = path.join("work").display().to_string();
    let program = "import os, sys
work = sys.argv[1]
os.symlink('.', work + '/me')
os.symlink('keep', work + '/other')
for attempt in (
    lambda: open(work + '/keep/new', 'w'),
    lambda: open(work + '/me/keep/new', 'w'),
    lambda: open(work + '/other/new', 'w'),
    lambda: os.unlink(work + '/me/keep/old'),
    lambda: os.rename(work + '/me/keep/old', work + '/mine'),
    lambda: os.mkdir(work + '/other/folder'),
    lambda: open(work + '/me/me/other/old', 'a'),
    lambda: os.truncate(work + '/other/old', 0),
):
    try: attempt()
    except OSError: continue
    print('done', attempt.__code__.co_firstlineno)";
    let (rw, ro) = (format!("{work}:rw"), format!("{work}/keep:ro"));
    let outcome = ophidia(["run", "--dir", &rw, "--dir", &ro, "-c", program, &work]).run();
    assert_eq!(fs::read_to_string(path.join("work/keep/old")).expect("there"), "old");
    let left: Vec<_> = fs::read_dir(path.join("work/keep")).expect("a folder").flatten().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(String::from_utf8_lossy(&outcome.stdout), "", "{outcome:?}");
}

#[test]
fn times_are_written_as_elsewhere() {
    same(&["import datetime, time
at = time.struct_time((2024, 3, 5, 4, 7, 9, 1, 65, 0))
for form in '''%l:%M %p|%k|%P|%^a|%^B|%#x|%#p|%Q|%|%5d|%-d|%_d|%05d|%-H|%_H|%e|%3e|%-j|%10Y|%-y|%E|%Ey|%Od|%%|%5%|a%
%D|%F|%T|%R|%r|%c|%x|%X|%U|%W|%V|%G|%g|%u|%w|%C|%h|%n|%t|%s_|%!|%é|%-I:%M|%^|100%|%_5S|%-5S|%010d|%^10b|%J|%10A|%-10A'''.split('|'):
    if '%s' not in form: print(repr(form), repr(time.strftime(form, at)))
when = datetime.datetime(2024, 3, 5, 16, 7, 9)
print(f'{when:%l:%M %P}', when.strftime('%-d. %-m. %y'), when.date().strftime('%k'))
print(len(time.strftime('%A' * 1000, at)), time.strftime('', at) == '')",
        "import datetime, time
for year in (7, 99, 999, 1000, 9999, 12345, 0, -1, -1234):
    at = (year, 1, 1, 0, 0, 0, 0, 1, 0)
    forms = '%Y %G %F %C %c %y %_Y %-Y %6Y %010Y %EY %-C'.split() + ['%D %x %g'] * (year >= 0)
    print(year, [time.strftime(form, at) for form in forms])
for year in (1, 7, 999): print([format(datetime.date(year, 1, 1), form) for form in ('%Y', '%G', '%F', '%C', '%c')])"]);
}

#[test]
fn the_empty_path_names_nothing() {
    same(&["import os
print(os.path.exists(''), os.path.isdir(''), os.path.lexists(''))
for function in (open, os.listdir, os.stat, os.lstat, os.unlink, os.rmdir, os.mkdir, os.scandir, os.chdir, os.readlink,
                 lambda path: os.rename(path, 'x'), lambda path: os.open(path, 0), lambda path: os.utime(path)):
    try: print(function(''))
    except OSError as error: print(type(error).__name__)"]);
}

#[test]
fn functions_run_where_threads_would() {
    same(&["import asyncio, contextvars
variable = contextvars.ContextVar('variable')
def work(value):
    if value < 0: raise ValueError(value)
    return value * 2, variable.get(None)
async def main():
    variable.set('set')
    print(await asyncio.to_thread(work, 21))
    loop = asyncio.get_running_loop()
    print(await loop.run_in_executor(None, work, 4))
    try: await asyncio.to_thread(work, -1)
    except ValueError as error: print('raised', error)
    print(await asyncio.gather(*(asyncio.to_thread(work, i) for i in range(3))))
asyncio.run(main())"]);
}

#[test]
fn keys_are_derived() {
    let mut py = interpreter();
    py.run("import hashlib\nfrom hashlib import pbkdf2_hmac, scrypt").expect("imports");
    // RFC 6070, RFC 7914 (sections 11 and 12).
    for (expression, expected) in [
        (
            "pbkdf2_hmac('sha1', b'password', b'salt', 1, 20)",
            "0c60c80f961f0e71f3a9b524af6012062fe037a6",
        ),
        (
            "pbkdf2_hmac('sha1', b'password', b'salt', 4096, 20)",
            "4b007901b765489abead49d926f721d065a429c1",
        ),
        (
            "pbkdf2_hmac('sha1', b'passwordPASSWORDpassword', b'saltSALTsaltSALTsaltSALTsaltSALTsalt', 4096, 25)",
            "3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038",
        ),
        (
            "pbkdf2_hmac('sha1', b'pass\\0word', b'sa\\0lt', 4096, 16)",
            "56fa6aa75548099dcc37d7f03425e0c3",
        ),
        (
            "pbkdf2_hmac('sha256', b'passwd', b'salt', 1, 64)",
            "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc\
             49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783",
        ),
        (
            "scrypt(b'', salt=b'', n=16, r=1, p=1)",
            "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442\
             fcd0069ded0948f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906",
        ),
        (
            "scrypt(b'password', salt=b'NaCl', n=1024, r=8, p=16)",
            "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162\
             2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640",
        ),
    ] {
        assert_eq!(text(&mut py, &format!("({expression}).hex()")), expected, "{expression}");
    }
    // Where the C code has no such hash, and where it has: the same.
    py.run(
        "from _ophidia.kdf import _pbkdf2
for name in ('md5', 'sha1', 'sha224', 'sha256', 'sha384', 'sha512', 'SHA512'):
    for key in (b'', b'k' * 64, b'k' * 65, b'k' * 200):
        fast = pbkdf2_hmac(name, key, b'salt' * 50, 7, 100)
        assert fast == _pbkdf2(name, key, b'salt' * 50, 7, 100), name
assert len(pbkdf2_hmac('sha3_256', b'a', b'b', 2)) == 32 and len(pbkdf2_hmac('blake2b', b'a', b'b', 2)) == 64",
    )
    .expect("both are the same");
    for refused in [
        "pbkdf2_hmac('sha1', b'', b'', 0)",
        "pbkdf2_hmac('sha1', b'', b'', 1, 0)",
        "pbkdf2_hmac('nothing', b'', b'', 1)",
        "scrypt(b'', salt=b'', n=3, r=1, p=1)",
        "scrypt(b'', salt=b'', n=2**20, r=8, p=1)",
        "scrypt(b'', salt=b'', n=2, r=0, p=1)",
    ] {
        assert_eq!(raised(py.run(refused)).type_name, "ValueError", "{refused}");
    }
    // One call ends at the deadline as any other.
    let mut py =
        RUNTIME.interpreter().timeout(std::time::Duration::from_millis(100)).build().expect("one");
    let result = py.run("import hashlib\nhashlib.pbkdf2_hmac('sha512', b'a', b'b', 2**31 - 1)");
    assert!(matches!(result, Err(Error::Limit(LimitExceeded::Timeout { .. }))), "{result:?}");
}

/// Modules of a Unix system import, and refuse when they are used.
#[test]
fn absent_modules_import() {
    let mut py = interpreter();
    py.run("import ctypes, ctypes.util, fcntl, grp, mmap, os, pwd, resource, ssl, termios, tty, getpass")
        .expect("imports");
    for (used, error, why) in [
        ("ctypes.CDLL('libm.so.6')", "OSError", "no native code"),
        ("ctypes.Structure()", "NotImplementedError", "no native code"),
        ("mmap.mmap(-1, 10)", "OSError", "mapped into memory"),
        ("termios.tcgetattr(0)", "termios.error", "no terminal"),
        ("fcntl.flock(0, fcntl.LOCK_EX)", "OSError", "locked"),
        ("pwd.getpwuid(1)", "KeyError", "one user"),
        ("grp.getgrgid(1)", "KeyError", "one user"),
        ("resource.setrlimit(0, (1, 1))", "PermissionError", "the host's"),
    ] {
        let raised = raised(py.run(used));
        let traceback = raised.traceback(&mut py).expect("a traceback");
        assert!(raised.type_name == error || traceback.contains(error), "{used}: {raised}");
        assert!(raised.to_string().contains(why), "{used}: {raised}");
    }
    py.run(
        "assert (os.getuid(), os.geteuid(), os.getgid(), os.getegid()) == (0, 0, 0, 0)
assert os.umask(0o77) == 0o22 and os.umask(0o22) == 0o77
assert os.path.expanduser('~nobody') == '~nobody' and os.path.expanduser('~/x') == '/home/user/x'
assert ctypes.c_int8(300).value == 44 and ctypes.sizeof(ctypes.c_double * 3) == 24
class Point(ctypes.Structure): _fields_ = [('x', ctypes.c_char), ('y', ctypes.c_int64)]
assert ctypes.sizeof(Point) == 16 and ctypes.util.find_library('m') is None
assert resource.getrusage(resource.RUSAGE_SELF).ru_utime >= 0",
    )
    .expect("what needs no system works");
}

/// The line and the traceback are told when memory ends.
#[test]
fn a_limit_says_where() -> ophidia::Result<()> {
    let program = "def grows():\n    return bytearray(1 << 30)\ngrows()";
    let outcome = ophidia(["run", "-c", program]).run();
    let said = String::from_utf8_lossy(&outcome.stderr);
    assert_eq!(outcome.status, 125, "{said}");
    assert!(said.contains("line 2, in grows") && said.contains("MemoryError"), "{said}");
    assert!(said.contains("limit memory"), "{said}");

    let mut py = interpreter();
    let result = py.run(program);
    assert!(matches!(result, Err(Error::Limit(LimitExceeded::Memory { .. }))), "{result:?}");
    let exception = py.take_exception_at_limit().expect("what Python said");
    assert_eq!(exception.type_name, "MemoryError");
    assert!(exception.traceback(&mut py)?.contains("return bytearray(1 << 30)"), "{exception:?}");
    assert!(py.take_exception_at_limit().is_none());
    py.run("1")
}

/// Options and variables of python3: honoured, or told.
#[test]
fn options_of_python() {
    let deprecated = "import warnings\nwarnings.warn('old', DeprecationWarning)\nprint('on')";
    let run = |arguments: &[&str]| ophidia([&["run"], arguments].concat()).run();
    for arguments in [
        &["-W", "error", "-c", deprecated][..],
        &["-Werror::DeprecationWarning", "-c", deprecated],
        &["--env", "PYTHONWARNINGS=error", "-c", deprecated],
    ] {
        let outcome = run(arguments);
        assert_eq!(outcome.status, 1, "{arguments:?}: {outcome:?}");
        assert!(String::from_utf8_lossy(&outcome.stderr).contains("DeprecationWarning: old"));
    }
    for (arguments, printed) in [
        (&["-O", "-c", "assert False\nprint(__debug__)"][..], "False\n"),
        (
            &["-OO", "-c", "def f(): 'doc'\nimport sys\nprint(f.__doc__, sys.flags.optimize)"],
            "None 2\n",
        ),
        (&["--env", "PYTHONOPTIMIZE=1", "-c", "print(__debug__)"], "False\n"),
        (&["-X", "dev", "-c", "import sys; print(sys.flags.dev_mode)"], "True\n"),
        (
            &[
                "-X",
                "dev",
                "-c",
                "import asyncio; asyncio.run(asyncio.sleep(0), debug=None); print(1)",
            ],
            "1\n",
        ),
        (&["-u", "-c", "import sys; print(sys.stdout.write_through)"], "True\n"),
        (&["-R", "-c", "print(1)"], "1\n"),
        (&["-B", "-I", "-s", "-S", "-E", "-c", "print(1)"], "1\n"),
        (&["-X", "int_max_str_digits=5000", "-c", "print(len(str(10 ** 4999)))"], "5000\n"),
        (
            &["-X", "tracemalloc", "-c", "import tracemalloc; print(tracemalloc.is_tracing())"],
            "True\n",
        ),
        (
            &["--env", "PYTHONPATH=/a:/b", "-c", "import sys; print(sys.path[1:3])"],
            "['/a', '/b']\n",
        ),
        (
            &["--env", "PYTHONUNBUFFERED=1", "-c", "import sys; print(sys.stdout.write_through)"],
            "True\n",
        ),
    ] {
        let outcome = run(arguments);
        assert_eq!(String::from_utf8_lossy(&outcome.stdout), printed, "{arguments:?}: {outcome:?}");
        assert_eq!((outcome.status, &*outcome.stderr), (0, &b""[..]), "{arguments:?}");
    }
    let refused = run(&["-X", "importtime", "-c", "1"]);
    assert_eq!(refused.status, 2, "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("-X importtime"), "{refused:?}");
    let told = run(&["--env", "PYTHONHASHSEED=1", "-c", "print(1)"]);
    assert!(String::from_utf8_lossy(&told.stderr).contains("PYTHONHASHSEED"), "{told:?}");
    assert_eq!(told.stdout, b"1\n");
    for (option, way) in
        [("-i", "repl"), ("-v", "leave it out"), ("-bb", "leave it out"), ("-d", "-d"), ("-x", "#")]
    {
        let outcome = run(&[option, "-c", "print(1)"]);
        let said = String::from_utf8_lossy(&outcome.stderr);
        assert!(outcome.status == 2 && outcome.stdout.is_empty(), "{outcome:?}");
        assert!(said.contains(option.get(..2).expect("a letter")) && said.contains(way), "{said}");
    }
}
