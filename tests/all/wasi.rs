//! Files of granted folders: what can be opened and how many, paths and links that stay inside, lengths and
//! offsets that the guest chooses, listings.

use crate::library::RUNTIME;
use crate::support::{number, ophidia, text};
use ophidia::{Access, DirGrant, Error, Interpreter, LimitExceeded};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

fn grant(folder: &Path, guest: &str, access: Access) -> DirGrant {
    DirGrant { host: folder.into(), guest: guest.into(), access }
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// An interpreter that may write to this folder, which it sees as `/data`, with these in its hands.
fn over(folder: &Path) -> Interpreter {
    let data = grant(folder, "/data", Access::ReadWrite);
    let builder = RUNTIME.interpreter().dir(data).timeout(Duration::from_secs(20));
    let mut py = builder.build().expect("an interpreter");
    py.run(
        "import errno, os\n\
         def fails(call, *args, **kwargs):\n\
         \x20   try: call(*args, **kwargs)\n\
         \x20   except OSError as error: return errno.errorcode[error.errno]\n\
         \x20   return 'works'\n\
         os.chdir('/data')",
    )
    .expect("the start");
    py
}

#[test]
fn a_guest_has_so_many_files_open_and_no_more() {
    let made = folder();
    let data = grant(made.path(), "/data", Access::ReadWrite);
    let mut py = RUNTIME.interpreter().dir(data).files(10).build().expect("an interpreter");
    py.run(
        "import errno, os\n\
         held = []\n\
         def fill(open):\n\
         \x20   try:\n\
         \x20       while True: held.append(open())\n\
         \x20   except OSError as error: assert error.errno == errno.EMFILE, error\n\
         \x20   return len(held)\n\
         def read(): return os.open(os.__file__, os.O_RDONLY)\n\
         def write(): return os.open(f'/data/{len(held)}', os.O_WRONLY | os.O_CREAT)\n\
         def folder(): return os.open('/data', os.O_RDONLY | os.O_DIRECTORY)",
    )
    .expect("the start");
    for open in ["read", "write", "folder"] {
        assert_eq!(number(&mut py, &format!("fill({open})")), 10);
        // Closing one gives the room of one back, as often as that is done.
        py.run("for _ in range(100): os.close(held.pop()); assert fill(read) == 10").expect(open);
        py.run("while held: os.close(held.pop())").expect(open);
    }
    // What was refused was not created either.
    assert_eq!(fs::read_dir(made.path()).expect("the folder").count(), 10);
    // An import needs one file for a moment; what Python itself opens counts as well.
    assert_eq!(number(&mut py, "fill(read)"), 10);
    let ended = py.run("import this_module_is_not_there");
    assert!(matches!(ended, Err(Error::Python(_))), "{ended:?}");
}

#[test]
fn the_limit_of_files_is_an_option() {
    let code = "import os\nheld = []\ntry:\n    while True: held.append(open(os.__file__))\n\
                except OSError as error: print(error.strerror, len(held))";
    for (option, said) in [(&["--files", "7"][..], " 7\n"), (&[], " 64\n")] {
        let call = ophidia(["run"]).args(option).args(["-c", code]);
        let outcome = call.expect_ok();
        assert!(outcome.stdout().ends_with(said), "{outcome}");
        assert!(outcome.stdout().contains("file"), "{outcome}");
    }
    let refused = ophidia(["run", "--files", "many", "-c", "1"]).expect_status(2);
    refused.stderr_has("--files").stderr_has("many").stderr_has("give a number");
}

#[test]
fn what_is_neither_a_file_nor_a_folder_is_listed_and_never_opened() {
    let made = folder();
    let mode = Mode::from_raw_mode(0o666);
    mknodat(CWD, made.path().join("fifo"), FileType::Fifo, mode, 0).expect("a FIFO");
    let _socket = UnixListener::bind(made.path().join("socket")).expect("a socket");
    symlink("fifo", made.path().join("link")).expect("a link");
    let mut py = over(made.path());
    let started = Instant::now();
    py.run(
        "every = [os.O_RDONLY, os.O_WRONLY, os.O_RDWR]\n\
         more = [0, os.O_CREAT, os.O_TRUNC, os.O_APPEND, os.O_NONBLOCK, os.O_CREAT | os.O_TRUNC]\n\
         for name in ['fifo', 'link', 'socket', 'moved']:\n\
         \x20   if name == 'moved': os.rename('fifo', 'moved')\n\
         \x20   for flags in every:\n\
         \x20       for added in more:\n\
         \x20           said = fails(os.open, name, flags | added)\n\
         \x20           assert said == 'ENOTSUP', (name, flags, added, said)\n\
         \x20   assert fails(open, name) == fails(open, name, 'w') == 'ENOTSUP'\n\
         \x20   assert fails(os.utime, name, (1, 2)) == 'ENOTSUP'\n\
         \x20   assert fails(os.open, name, os.O_WRONLY | os.O_CREAT | os.O_EXCL) == 'EEXIST', name\n\
         \x20   assert fails(os.open, name, os.O_RDONLY | os.O_DIRECTORY) in ('ENOTSUP', 'ENOTDIR')\n\
         \x20   if name != 'link': os.stat(name)\n\
         \x20   os.lstat(name)",
    )
    .expect("refused, and looked at");
    assert_eq!(text(&mut py, "repr(sorted(os.listdir()))"), "['link', 'moved', 'socket']");
    py.run("for entry in os.scandir('.'): assert not entry.is_file() and not entry.is_dir()")
        .expect("listed");
    py.run("os.unlink('moved'); os.unlink('socket')").expect("removed");
    assert!(started.elapsed() < Duration::from_secs(15), "something waited");
}

#[test]
fn devices_are_not_opened() {
    let dev = grant(Path::new("/dev"), "/dev", Access::ReadWrite);
    let mut py = RUNTIME.interpreter().dir(dev).build().expect("an interpreter");
    for device in ["null", "zero"] {
        let ended = py.run(&format!("open('/dev/{device}', 'r+b')"));
        let Err(Error::Python(error)) = ended else { panic!("{device}: {ended:?}") };
        assert_eq!(error.type_name, "OSError", "{device}: {error}");
    }
}

#[test]
fn paths_stay_inside_whatever_they_end_in() {
    let made = folder();
    let inside = made.path().join("inside");
    fs::create_dir_all(inside.join("sub")).expect("folders");
    fs::write(made.path().join("secret"), "secret").expect("a file");
    fs::write(inside.join("file"), "file").expect("a file");
    symlink("../secret", inside.join("out")).expect("a link");
    symlink("..", inside.join("up")).expect("a link");
    symlink("/etc", inside.join("etc")).expect("a link");
    symlink("sub", inside.join("link")).expect("a link");
    let mut py = over(&inside);
    py.run(
        "ways = [lambda p: open(p).close(), os.listdir, os.stat, os.mkdir, os.rmdir, os.unlink,\n\
         \x20       lambda p: os.rename('file', p), lambda p: os.rename(p, 'there'), os.readlink,\n\
         \x20       lambda p: os.link('file', p), lambda p: os.link(p, 'there'),\n\
         \x20       lambda p: os.symlink('file', p), lambda p: os.utime(p, (1, 1)),\n\
         \x20       lambda p: open(p, 'w').close()]\n\
         for way in (ways[0], ways[1], ways[2]):\n\
         \x20   for path in ['out', 'up', 'etc', 'up/secret', 'out/', 'up/.']:\n\
         \x20       assert fails(way, path) != 'works', path\n\
         for path in ['../secret', 'up/secret', 'etc/passwd', 'sub/../../secret',\n\
         \x20            'link/../../secret', './/..//secret', 'up//secret', 'up/./secret', 'out', 'up']:\n\
         \x20   for end in ['', '/', '//', '/.', '/..']:\n\
         \x20       for way in ways if '/' in path or end else []:\n\
         \x20           try: way(path + end)\n\
         \x20           except OSError: pass",
    )
    .expect("nothing but refusals");
    assert_eq!(fs::read_to_string(made.path().join("secret")).expect("it is there"), "secret");
    let mut names: Vec<_> = fs::read_dir(made.path())
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["inside", "secret"]);
}

#[test]
fn slashes_at_the_end_ask_for_a_folder() {
    let made = folder();
    fs::write(made.path().join("file"), "").expect("a file");
    fs::create_dir(made.path().join("sub")).expect("a folder");
    symlink("sub", made.path().join("link")).expect("a link");
    symlink("file", made.path().join("alias")).expect("a link");
    let mut py = over(made.path());
    for (call, said) in [
        ("open, 'file/'", "ENOTDIR"),
        ("os.stat, 'file/'", "ENOTDIR"),
        ("os.stat, 'file/.'", "ENOTDIR"),
        ("os.rename, 'file/', 'other'", "ENOTDIR"),
        ("os.rename, 'file', 'other/'", "ENOTDIR"),
        ("os.rename, 'alias/', 'other'", "ENOTDIR"),
        ("os.rename, 'link/', 'other'", "ENOTDIR"),
        ("os.mkdir, 'made/'", "works"),
        ("os.rename, 'made/', 'moved//'", "works"),
        ("os.listdir, 'link/'", "works"),
        ("os.rmdir, 'moved/'", "works"),
    ] {
        assert_eq!(text(&mut py, &format!("fails({call})")), said, "{call}");
    }
    for call in ["os.unlink, 'file/'", "os.link, 'file', 'new/'", "os.symlink, 'x', 'new/'"] {
        assert_ne!(text(&mut py, &format!("fails({call})")), "works", "{call}");
    }
}

#[test]
fn a_folder_for_reading_is_not_changed_from_another() {
    let (for_reading, for_writing) = (folder(), folder());
    fs::write(for_reading.path().join("kept"), "kept").expect("a file");
    fs::write(for_writing.path().join("mine"), "mine").expect("a file");
    let mut py = RUNTIME
        .interpreter()
        .dir(grant(for_reading.path(), "/ro", Access::ReadOnly))
        .dir(grant(for_writing.path(), "/rw", Access::ReadWrite))
        .build()
        .expect("an interpreter");
    for call in [
        "os.link('/ro/kept', '/rw/kept')",
        "os.link('/rw/mine', '/ro/mine')",
        "os.rename('/ro/kept', '/rw/kept')",
        "os.rename('/rw/mine', '/ro/mine')",
        "os.symlink('kept', '/ro/new')",
        "os.mkdir('/ro/new')",
        "os.unlink('/ro/kept')",
        "os.utime('/ro/kept', (1, 1))",
        "os.utime('/ro/kept', (1, 1), follow_symlinks=False)",
        "os.truncate('/ro/kept', 1)",
        "open('/ro/kept', 'a')",
        "open('/ro/kept', 'r+')",
        "open('/ro/new', 'w')",
        "os.ftruncate(os.open('/ro/kept', os.O_RDONLY), 0)",
        "os.utime(os.open('/ro/kept', os.O_RDONLY), (1, 1))",
    ] {
        let ended = py.run(&format!("import os\n{call}"));
        let Err(Error::Python(error)) = ended else { panic!("{call}: {ended:?}") };
        assert_eq!(error.type_name, "PermissionError", "{call}: {error}");
    }
    assert_eq!(fs::read_to_string(for_reading.path().join("kept")).expect("a file"), "kept");
    assert!(for_writing.path().join("mine").exists());
}

#[test]
fn lengths_and_offsets_are_only_numbers() {
    let made = folder();
    fs::write(made.path().join("file"), "some bytes").expect("a file");
    let mut py = over(made.path());
    py.run(
        "fd = os.open('file', os.O_RDWR)\n\
         assert os.pread(fd, 100, 0) == b'some bytes'\n\
         assert os.pread(fd, 100, 2 ** 40) == b''\n\
         assert os.lseek(fd, 2 ** 40, os.SEEK_SET) == 2 ** 40 and os.read(fd, 10) == b''\n\
         assert fails(os.lseek, fd, -1, os.SEEK_SET) == 'EINVAL'\n\
         assert fails(os.lseek, fd, 2 ** 63 - 1, os.SEEK_END) == 'EINVAL'\n\
         assert fails(os.pread, fd, 1, -1) == 'EINVAL'\n\
         assert fails(os.stat, 'x' * 4097) == 'ENAMETOOLONG'\n\
         assert fails(os.stat, 'x/' * 2048 + 'x') == 'ENAMETOOLONG'\n\
         assert os.lseek(fd, 0, os.SEEK_SET) == 0\n\
         parts = [bytearray(3), bytearray(0), bytearray(4), bytearray(100)]\n\
         assert os.readv(fd, parts) == 10 if hasattr(os, 'readv') else True\n\
         random = os.urandom(16 << 20)\n\
         assert len(random) == 16 << 20 and random[-4096:].count(0) < 100",
    )
    .expect("numbers");
}

#[test]
fn appending_is_at_the_end() {
    let made = folder();
    fs::write(made.path().join("log"), "one\n").expect("a file");
    let mut py = over(made.path());
    py.run(
        "fd = os.open('log', os.O_WRONLY | os.O_APPEND)\n\
         os.write(fd, b'two\\n')\n\
         assert os.lseek(fd, 0, os.SEEK_CUR) == 8\n\
         os.lseek(fd, 0, os.SEEK_SET); os.write(fd, b'three\\n')",
    )
    .expect("appended");
    assert_eq!(fs::read_to_string(made.path().join("log")).expect("a file"), "one\ntwo\nthree\n");
}

#[test]
fn a_large_file_is_read_whole_and_a_deadline_ends_that() {
    let made = folder();
    let file = fs::File::create(made.path().join("large")).expect("a file");
    file.set_len(150 << 20).expect("no bytes yet");
    let data = grant(made.path(), "/data", Access::ReadOnly);
    let mut py = RUNTIME.interpreter().dir(data.clone()).memory(512 << 20).build().expect("one");
    let len = number(&mut py, "len(open('/data/large', 'rb').read())");
    assert_eq!(len, 150 << 20);
    file.set_len(1 << 40).expect("no bytes yet");
    let builder = RUNTIME.interpreter().dir(data).memory(1 << 30);
    let mut py = builder.timeout(Duration::from_millis(300)).build().expect("one");
    let started = Instant::now();
    let endless = "buffer = bytearray(512 << 20)\n\
                   file = open('/data/large', 'rb', buffering=0)\n\
                   while True: file.readinto(buffer)";
    let ended = py.run(endless);
    assert!(matches!(ended, Err(Error::Limit(LimitExceeded::Timeout { .. }))), "{ended:?}");
    assert!(started.elapsed() < Duration::from_secs(10), "the read went on");
}

#[test]
fn a_folder_of_a_hundred_thousand_files_is_listed_in_one_pass() {
    let made = folder();
    for number in 0..100_000 {
        fs::File::create(made.path().join(number.to_string())).expect("a file");
    }
    let mut py = over(made.path());
    // A pass for each piece of a listing would take minutes.
    let count =
        number(&mut py, "len({entry.name for entry in os.scandir('.') if entry.is_file()})");
    assert_eq!(count, 100_000);
    py.run("names = os.listdir()\nfor name in names[:1000]: os.unlink(name)").expect("removed");
    assert_eq!(number(&mut py, "len(os.listdir())"), 99_000);
}

#[test]
fn what_is_told_of_files_is_what_they_are() {
    let made = folder();
    fs::write(made.path().join("file"), "12345").expect("a file");
    fs::hard_link(made.path().join("file"), made.path().join("other")).expect("a link");
    let mut py = over(made.path());
    py.run(
        "one, other = os.stat('file'), os.stat('other')\n\
         assert (one.st_size, one.st_nlink) == (5, 2) and os.path.samefile('file', 'other')\n\
         assert one.st_ino == next(e for e in os.scandir('.') if e.name == 'file').inode()\n\
         os.utime('file', ns=(10 ** 9 + 1, 2 * 10 ** 9 + 2))\n\
         one = os.stat('other'); assert (one.st_atime_ns, one.st_mtime_ns) == (10**9 + 1, 2 * 10**9 + 2)\n\
         before = one.st_ctime_ns\n\
         os.symlink('file', 'link'); os.utime('link', ns=(5, 6), follow_symlinks=False)\n\
         assert os.lstat('link').st_mtime_ns == 6 and os.stat('link').st_mtime_ns == 2 * 10**9 + 2\n\
         assert os.readlink('link') == 'file' and os.lstat('link').st_size == 4\n\
         with open('file', 'r+b') as file: file.truncate(2); os.fsync(file.fileno())\n\
         assert os.stat('other').st_size == 2 and os.stat('file').st_ctime_ns >= before\n\
         assert fails(os.open, 'file', os.O_RDONLY | os.O_DIRECTORY) == 'ENOTDIR'\n\
         assert fails(open, '.', 'w') == 'EISDIR' and fails(os.stat, 'none') == 'ENOENT'\n\
         fd = os.open('file', os.O_RDONLY); assert fails(os.write, fd, b'x') == 'EBADF'\n\
         os.close(fd); assert fails(os.read, fd, 1) == 'EBADF'",
    )
    .expect("as they are");
}

#[test]
fn names_of_any_bytes_are_listed_and_opened() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let made = folder();
    fs::write(made.path().join(OsStr::from_bytes(b"\xff\xfe")), "odd").expect("a file");
    let mut py = over(made.path());
    py.run("name, = os.listdir(); assert open(name).read() == 'odd'").expect("opened");
}
