//! Trees: what is mounted where, and what a program makes of it.

use crate::library::RUNTIME;
use crate::support::{native_python, ophidia, text};
use ophidia::{
    Access, DirGrant, Error, FileKind, Grants, Interpreter, InterpreterBuilder, Mount, Quota,
    Stored, Tree,
};
use ophidia_guest::STDLIB;
use std::fs;
use std::io::ErrorKind;
use tempfile::TempDir;

pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

pub(crate) fn host(folder: &TempDir, access: Access) -> Tree {
    Tree::Folder { host: folder.path().into(), access }
}

/// With what tells the name of an error.
pub(crate) fn with(builder: InterpreterBuilder) -> Interpreter {
    let mut py = builder.build().expect("an interpreter");
    py.run(
        "import errno, os\n\
         def fails(call, *args, **kwargs):\n\
         \x20   try: call(*args, **kwargs)\n\
         \x20   except OSError as error: return errno.errorcode[error.errno]\n\
         \x20   return 'works'\n\
         def write(path, bytes):\n\
         \x20   with open(path, 'wb') as file: return file.write(bytes)",
    )
    .expect("the start");
    py
}

pub(crate) fn mounts(mounts: impl IntoIterator<Item = Mount>) -> Interpreter {
    with(mounts.into_iter().fold(RUNTIME.interpreter(), InterpreterBuilder::mount))
}

pub(crate) fn files<const N: usize>(files: [(&str, &str); N]) -> Tree {
    Tree::Files(files.map(|(path, text)| (path.to_owned(), text.as_bytes().into())).into())
}

/// What cannot be made equal: the C library takes `.` off the end of a name, and a folder of the host is opened by
/// cap-primitives, which looks at slashes behind what is not there in its own order.
fn is_known(line: &str, other: &str, host: bool) -> bool {
    let dots = ["/. ", "/./ ", ".. ", "../ ", "..// ", " . ", " ./"]
        .iter()
        .any(|dots| line.contains(dots));
    let slash = line.contains("/ ");
    let said = ["EBUSY", "EINVAL", "ENOTEMPTY", "EISDIR", "EEXIST", "ENOTDIR", "ENOENT", "ELOOP"];
    let both = [line, other].iter().all(|line| said.iter().any(|said| line.contains(said)));
    // A link that would lead out of the folder where it is put stays where it is.
    let leads_out = host && other.starts_with("rename dir/up EPERM");
    // Both refuse, with another number.
    leads_out || both && (dots || (slash && (host || line.starts_with("create loop/"))))
}

#[test]
fn paths_lead_where_they_do_on_linux() {
    let made = folder();
    let script = include_str!("paths.py");
    let native = native_python(["-c", script]).arg(made.path().join("native")).expect_ok();
    let native = native.stdout();
    assert!(native.lines().count() > 2_000, "{}", native.lines().count());
    fs::create_dir(made.path().join("host")).expect("a folder");
    let granted = format!("{}::/host:rw", made.path().join("host").display());
    let below = format!("{}::/over", made.path().join("host").display());
    for (name, options) in [
        ("/tmp/memory", &[][..]),
        ("/host", &["--dir", &granted]),
        ("/over", &["--overlay", &below]),
    ] {
        let ran = ophidia(["run"]).args(options).args(["-c", script, name]).expect_ok();
        let ran = ran.stdout();
        let differ: Vec<_> = native
            .lines()
            .zip(ran.lines())
            .filter(|(native, here)| native != here && !is_known(native, here, name == "/host"))
            .collect();
        assert_eq!(native.lines().count(), ran.lines().count(), "{name}");
        assert!(
            differ.is_empty(),
            "{name}: {} differ: {:#?}",
            differ.len(),
            &differ[..differ.len().min(20)]
        );
    }
}

/// Each `..` in a folder of the host costs a call of it: a path of them is bounded.
#[test]
fn a_path_of_nothing_but_steps_up_is_bounded() {
    let made = folder();
    fs::create_dir(made.path().join("a")).expect("a folder");
    let mut py = mounts([Mount::new("/h", host(&made, Access::ReadOnly))]);
    py.run("os.stat('/h' + '/a/..' * 200)\nos.stat('/tmp' + '/..' * 1000)")
        .expect("as many as anybody needs");
    assert_eq!(text(&mut py, "fails(os.stat, '/h' + '/a/..' * 600)"), "ENAMETOOLONG");
}

#[test]
fn what_is_mounted_is_listed_and_stays() {
    let made = folder();
    fs::create_dir(made.path().join("sub")).expect("a folder");
    fs::write(made.path().join("sub/hidden"), "").expect("a file");
    let mut py = mounts([
        Mount::new("/a/b", host(&made, Access::ReadWrite)),
        Mount::new("/a/b/sub", files([("seen", "x")])),
        Mount::new("/a/c/d", Tree::Memory),
    ]);
    let listed = |py: &mut Interpreter, path: &str| {
        text(py, &format!("' '.join(sorted(os.listdir('{path}')))"))
    };
    assert_eq!(listed(&mut py, "/"), "a dev tmp usr");
    assert_eq!(listed(&mut py, "/a"), "b c");
    assert_eq!(listed(&mut py, "/a/c"), "d");
    assert_eq!(listed(&mut py, "/a/b"), "sub");
    assert_eq!(listed(&mut py, "/a/b/sub"), "seen");
    assert_eq!(listed(&mut py, "/a/b/sub/../../c/d/../.."), "b c");
    assert_eq!(
        text(&mut py, "' '.join(sorted(f'{p} {d} {f}' for p, d, f in os.walk('/a')))"),
        "/a ['b', 'c'] [] /a/b ['sub'] [] /a/b/sub [] ['seen'] /a/c ['d'] [] /a/c/d [] []"
    );
    for (call, said) in [
        ("os.mkdir, '/new'", "EPERM"),
        ("open, '/new', 'w'", "EPERM"),
        ("os.mkdir, '/a/new'", "EPERM"),
        ("os.symlink, 'x', '/a/new'", "EPERM"),
        ("os.rename, '/tmp', '/a/new'", "EBUSY"),
        ("os.rmdir, '/tmp'", "EBUSY"),
        ("os.rmdir, '/a'", "EBUSY"),
        ("os.rmdir, '/a/b/sub'", "EBUSY"),
        ("os.rename, '/a/b/sub', '/a/b/other'", "EBUSY"),
        ("os.mkdir, '/tmp'", "EEXIST"),
        ("open, '/nowhere'", "ENOENT"),
        ("open, '/a/x/y'", "ENOENT"),
        ("open, '/a', 'w'", "EISDIR"),
    ] {
        assert_eq!(text(&mut py, &format!("fails({call})")), said, "{call}");
    }
    assert!(made.path().join("sub/hidden").exists());
}

#[test]
fn temporary_files_and_databases_and_archives_work_out_of_the_box() {
    let mut py = with(RUNTIME.interpreter());
    py.run(
        "import sqlite3, tempfile, zipfile, shutil, pathlib\n\
         with tempfile.TemporaryDirectory() as made:\n\
         \x20   path = pathlib.Path(made)\n\
         \x20   with sqlite3.connect(path / 'db') as db:\n\
         \x20       db.execute('create table t (a)')\n\
         \x20       db.executemany('insert into t values (?)', [(i,) for i in range(1000)])\n\
         \x20   assert db.execute('select sum(a) from t').fetchone() == (499500,)\n\
         \x20   db.close()\n\
         \x20   with zipfile.ZipFile(path / 'z.zip', 'w') as file: file.write(path / 'db', 'db')\n\
         \x20   shutil.unpack_archive(path / 'z.zip', path / 'out')\n\
         \x20   assert (path / 'out/db').read_bytes() == (path / 'db').read_bytes()\n\
         assert os.listdir('/tmp') == [], os.listdir('/tmp')\n\
         with tempfile.TemporaryFile() as file:\n\
         \x20   file.write(b'x' * 100)\n\
         \x20   file.seek(50)\n\
         \x20   assert len(file.read()) == 50\n\
         with tempfile.NamedTemporaryFile('w+') as file: assert os.path.exists(file.name)",
    )
    .expect("they work");
    assert_eq!(py.usage().trees, Stored::default(), "all of it is given back");
}

#[test]
fn devices_that_programs_expect() {
    let mut py = with(RUNTIME.interpreter());
    py.run(
        "assert open('/dev/null').read() == ''\n\
         assert open('/dev/null', 'w').write('x') == 1\n\
         assert open('/dev/zero', 'rb').read(5) == bytes(5)\n\
         one, other = (open('/dev/urandom', 'rb').read(16) for _ in '12')\n\
         assert len(one) == 16 and one != other\n\
         import stat\n\
         assert stat.S_ISCHR(os.stat('/dev/null').st_mode)\n\
         assert not os.isatty(os.open('/dev/null', os.O_RDWR))",
    )
    .expect("they work");
    assert_eq!(text(&mut py, "fails(os.unlink, '/dev/null')"), "EPERM");
    assert_eq!(text(&mut py, "fails(open, '/dev/new', 'w')"), "EPERM");
}

/// Another name or another place must not give what the first one does not.
#[test]
fn links_and_renames_look_at_both_sides() {
    let (ro, rw) = (folder(), folder());
    for made in [&ro, &rw] {
        fs::write(made.path().join("file"), "text").expect("a file");
    }
    let below = files([("file", "text")]);
    let mut py = mounts([
        Mount::new("/ro", host(&ro, Access::ReadOnly)),
        Mount::new("/rw", host(&rw, Access::ReadWrite)),
        Mount::new("/given", below),
    ]);
    py.run("write('/tmp/file', b'text')").expect("a file");
    for from in ["/ro", "/given", "/rw", "/tmp"] {
        for to in ["/ro", "/given", "/rw", "/tmp"] {
            let may = |side: &str| matches!(side, "/rw" | "/tmp");
            let wanted = match (may(from) && may(to), from == to) {
                (false, _) => "EPERM",
                (true, true) => "works",
                (true, false) => "EXDEV",
            };
            for call in ["os.link", "os.rename"] {
                let said = text(&mut py, &format!("fails({call}, '{from}/file', '{to}/other')"));
                assert_eq!(said, wanted, "{call} {from} {to}");
                if said == "works" {
                    py.run(&format!("os.replace('{to}/other', '{from}/file')")).expect("back");
                    py.run(&format!("if os.path.exists('{to}/other'): os.unlink('{to}/other')"))
                        .expect("away");
                }
            }
        }
    }
}

/// T11: a tree in memory is one interpreter's own, and goes where the host takes it.
#[test]
fn files_go_in_and_out() {
    let made = folder();
    let mut py = mounts([
        Mount::new("/rw", host(&made, Access::ReadWrite)),
        Mount::new("/in", files([("a", "given")])),
    ]);
    let big = vec![7_u8; 70 << 20];
    py.files()
        .put("/tmp/deep/er/big", big.clone())
        .expect("larger than the quota: it is the host's");
    py.run("data = open('/tmp/deep/er/big', 'rb').read(); assert len(data) == 70 << 20")
        .expect("read");
    assert_eq!(py.files().get("/tmp/deep/er/big").expect("there"), big);
    py.files().put("/rw/x", *b"out").expect("a folder of the host");
    assert_eq!(fs::read(made.path().join("x")).expect("there"), b"out");
    assert_eq!(py.files().get("/in/a").expect("there"), b"given");
    py.run(
        "write('/tmp/made', b'12345'); os.mkdir('/tmp/folder'); os.symlink('made', '/tmp/link')",
    )
    .expect("made");
    let listed: Vec<_> = py
        .files()
        .list("/tmp")
        .expect("a folder")
        .into_iter()
        .map(|e| (e.name, e.kind, e.size))
        .collect();
    assert_eq!(
        listed,
        [
            ("deep".into(), FileKind::Folder, 0),
            ("folder".into(), FileKind::Folder, 0),
            ("link".into(), FileKind::Link, 0),
            ("made".into(), FileKind::File, 5),
        ]
    );
    assert_eq!(py.files().get("/tmp/link").expect("followed"), b"12345");
    py.files().remove("/tmp/made").expect("removed");
    for (result, kind, says) in [
        (py.files().get("/tmp/made"), ErrorKind::NotFound, "/tmp/made"),
        (py.files().get("/tmp"), ErrorKind::IsADirectory, "/tmp"),
        (py.files().get("tmp"), ErrorKind::InvalidInput, "absolute"),
        (py.files().get("/dev/zero"), ErrorKind::Unsupported, "neither"),
        (py.files().put("/in/b", *b"").map(|()| vec![]), ErrorKind::PermissionDenied, "/in/b"),
        (py.files().put("/new", *b"").map(|()| vec![]), ErrorKind::PermissionDenied, "/new"),
    ] {
        let error = result.expect_err(says);
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
    // Also when nothing can be run any more.
    let mut py = with(RUNTIME.interpreter().timeout(std::time::Duration::from_millis(50)));
    py.run("write('/tmp/kept', b'so far')\nwhile True: pass").expect_err("the deadline");
    assert_eq!(py.files().get("/tmp/kept").expect("there"), b"so far");
    let small = with(RUNTIME.interpreter().value(1000)).files().put("/tmp/x", vec![0; 2000]);
    small.expect("what goes in is the host's");
}

#[test]
fn no_interpreter_holds_a_descriptor() {
    let count = || fs::read_dir("/proc/self/fd").expect("Linux").count();
    let made = folder();
    let sandbox = ophidia::Sandbox::builder()
        .dir(DirGrant::read_only(made.path(), "/data"))
        .build()
        .expect("one");
    let mut held = vec![RUNTIME.start(&sandbox).expect("an interpreter")];
    let before = count();
    for _ in 0..20 {
        let mut py = RUNTIME.start(&sandbox).expect("an interpreter");
        py.run("import json, os\nos.listdir('/data')").expect("run");
        held.push(py);
    }
    assert!(count() <= before + 5, "{before} and {} descriptors", count());
}

#[test]
fn a_run_repeats_with_clock_and_seed() {
    let clock = "2020-01-01T00:00:00Z+1ms";
    let program = "import os, random, secrets, tempfile, time, uuid, datetime, numpy, asyncio, sqlite3\n\
         print(datetime.datetime.now(datetime.UTC), time.time_ns(), time.monotonic_ns(), time.perf_counter())\n\
         print(random.random(), os.urandom(8), secrets.token_hex(8), uuid.uuid4(), uuid.uuid1())\n\
         print(numpy.random.rand(3), numpy.random.default_rng().integers(1 << 60, size=2))\n\
         print(tempfile.mktemp(), open('/dev/urandom', 'rb').read(4))\n\
         print(sqlite3.connect(':memory:').execute('select hex(randomblob(4)), datetime()').fetchone())\n\
         time.sleep(3600)\n\
         asyncio.run(asyncio.sleep(3600))\n\
         print(time.monotonic() > 7200, time.time_ns(), os.stat('/tmp').st_mtime, id(object()))\n\
         open('/tmp/a', 'w').close()\n\
         print(os.stat('/tmp/a').st_mtime_ns, {str(i): i for i in range(3)})\n";
    let run = |options: &[&str]| {
        let ran = ophidia(["run"]).args(options).args(["-c", program]).expect_ok();
        ran.stdout()
    };
    let first = run(&["--seed", "1", "--clock", clock]);
    assert!(first.starts_with("2020-01-01 00:00:00"), "{first}");
    assert_eq!(first, run(&["--seed", "1", "--clock", clock]));
    assert_ne!(first, run(&["--seed", "2", "--clock", clock]));
    let frozen = ophidia([
        "run",
        "--clock",
        "2020-01-01T00:00:00Z",
        "-c",
        "import time\na = time.time(), time.monotonic()\nsum(range(10**5))\nprint(a == (time.time(), time.monotonic()), a[0])",
    ]);
    assert_eq!(frozen.expect_ok().stdout(), "True 1577836800.0\n");
}

#[test]
fn what_cannot_be_granted_is_refused_before_anything_runs() {
    let made = folder();
    fs::write(made.path().join("no archive"), "nothing").expect("a file");
    let grants = |mounts: Vec<Mount>| Grants { mounts, ..Grants::default() };
    let one = |mount: Mount| grants(vec![mount]);
    for (grants, says) in [
        (
            grants(vec![Mount::new("/a", Tree::Memory), Mount::new("/a/", Tree::Memory)]),
            "two grants have it",
        ),
        (one(Mount::new("a", Tree::Memory)), "must be absolute"),
        (one(Mount::new("/a/../b", Tree::Memory)), "must be absolute"),
        (one(Mount::new(STDLIB, Tree::Memory)), "the standard library's"),
        (
            one(Mount {
                quota: Some(Quota { bytes: 0, files: 1 }),
                ..Mount::new("/a", Tree::Memory)
            }),
            "quota of nothing",
        ),
        (
            one(Mount { quota: Some(Quota::of_bytes(4095)), ..Mount::new("/a", Tree::Memory) }),
            "whole pages",
        ),
        (
            Grants { tmp: Some(Quota::of_bytes(4096)), ..one(Mount::new("/tmp/", Tree::Memory)) },
            "tmp: a quota of 4096 bytes",
        ),
        (one(Mount::new("/a", Tree::Archive(made.path().join("none")))), "tar or zip archive"),
        (
            one(Mount::new("/a", Tree::Archive(made.path().join("no archive")))),
            "tar or zip archive",
        ),
        (one(Mount::new("/a", files([("../b", "")]))), "../b"),
        (one(Mount::new("/a", files([("", "")]))), "no path of a file"),
        (one(Mount::new("/a", files([("b", ""), ("b/c", "")]))), "b/c"),
        (one(Mount::new("/a", Tree::Kept("/no/such".into()))), "/no/such"),
    ] {
        let refused = RUNTIME.interpreter().grants(grants).build();
        let Err(Error::Grant(said)) = refused else { panic!("{says}: {refused:?}") };
        assert!(said.contains(says), "{says}: {said}");
    }
}

/// A descriptor may have more than one number; they share their place in a file, and each is closed by itself.
#[test]
fn descriptors_are_duplicated() {
    let mut py = RUNTIME.interpreter().files(6).build().expect("an interpreter");
    py.run(
        "import errno, os
with open('/tmp/a', 'w+b') as file:
    other = os.dup(file.fileno())
    assert other != file.fileno()
    os.write(other, b'one ')
    os.write(file.fileno(), b'two')
    assert os.lseek(other, 0, os.SEEK_CUR) == 7
    assert os.fstat(other).st_size == 7
assert os.pread(other, 10, 0) == b'one two'  # the first number is closed
os.close(other)
for wrong in (other, -1, 99, 2**31 - 1):
    for call in (lambda: os.dup(wrong), lambda: os.dup2(wrong, 1), lambda: os.fstat(wrong)):
        try: call()
        except OSError as error: assert error.errno == errno.EBADF, error
        else: assert False, wrong
for wrong in ('1', 1.5, None):
    try: os.dup(wrong)
    except TypeError: pass
    else: assert False, wrong
# As programs put their output elsewhere, and take it back.
import sys
saved = os.dup(1)
into = os.open('/tmp/said', os.O_RDWR | os.O_CREAT)
assert os.dup2(into, 1) == 1
print('elsewhere', flush=True)
assert os.dup2(saved, 1) == 1
os.close(saved)
print('here')
assert os.pread(into, 20, 0) == b'elsewhere\\n' and os.dup2(into, into) == into
# A number of one's own choice.
assert os.dup2(into, 8) == 8
os.close(into)
assert os.pread(8, 4, 0) == b'else'
try: os.dup2(8, 1 << 30)
except OSError as error: assert error.errno == errno.EBADF
else: assert False
os.close(8)
# Each number counts.
numbers = []
try:
    while len(numbers) < 100: numbers.append(os.dup(1))
except OSError as error: assert error.errno == errno.EMFILE, error
assert len(numbers) == 6, numbers
for number in numbers: os.close(number)",
    )
    .expect("runs");
    assert_eq!(py.take_stdout(), b"here\n");
    assert_eq!(py.usage().files.now, 0);
    // A fork has the same table.
    py.run("f = open('/tmp/b', 'w+b', buffering=0); g = os.dup(f.fileno()); f.write(b'abc')")
        .expect("runs");
    let mut child = py.fork().expect("a child");
    child.run("os.write(g, b'd'); assert f.tell() == 4, f.tell()").expect("they share a place");
    py.run("assert f.tell() == 3").expect("the parent's is its own");
}
