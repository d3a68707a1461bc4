//! Trees: what is mounted where, memory with its quota, archives, overlays, folders with a quota; what a program
//! makes of them.

use crate::library::RUNTIME;
use crate::support::{native_python, number, ophidia, text};
use ophidia::{
    Access, Audit, AuditEvent, ChangeKind, DirGrant, Error, FileKind, Grants, Interpreter,
    InterpreterBuilder, Mount, Quota, Stored, Tree,
};
use ophidia_guest::STDLIB;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn host(folder: &TempDir, access: Access) -> Tree {
    Tree::Folder { host: folder.path().into(), access }
}

/// With what tells the name of an error.
fn with(builder: InterpreterBuilder) -> Interpreter {
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

fn mounts(mounts: impl IntoIterator<Item = Mount>) -> Interpreter {
    with(mounts.into_iter().fold(RUNTIME.interpreter(), InterpreterBuilder::mount))
}

fn files<const N: usize>(files: [(&str, &str); N]) -> Tree {
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

#[test]
fn memory_has_a_quota_of_bytes_and_files() {
    let quota = Quota { bytes: 1 << 20, files: 20 };
    let mut py = with(RUNTIME.interpreter().tmp(quota));
    py.run(
        "os.chdir('/tmp')\n\
         def fill(path):\n\
         \x20   with open(path, 'wb', buffering=0) as file:\n\
         \x20       try:\n\
         \x20           while True: file.write(bytes(100_000))\n\
         \x20       except OSError as error: assert error.errno == errno.ENOSPC, error\n\
         \x20   return os.stat(path).st_size",
    )
    .expect("the start");
    for _ in 0..3 {
        assert_eq!(number(&mut py, "fill('a')"), 1 << 20);
        assert_eq!(py.usage().trees, Stored { bytes: 1 << 20, files: 1 });
        assert_eq!(text(&mut py, "fails(write, 'b', b'x')"), "ENOSPC");
        py.run("os.truncate('a', 4096); write('b', bytes(4096)); os.unlink('b'); os.unlink('a')")
            .expect("room again");
    }
    assert_eq!(py.usage().trees, Stored::default());
    assert_eq!(py.usage().peak_trees, Stored { bytes: 1 << 20, files: 2 });
    assert_eq!(py.usage().tree_quotas.bytes, 1 << 20);
    // One without a name counts as long as it is open.
    py.run("held = open('a', 'wb'); held.write(bytes(1 << 20)); held.flush(); os.unlink('a')")
        .expect("full");
    assert_eq!(text(&mut py, "fails(write, 'b', b'x')"), "ENOSPC");
    py.run("held.close(); os.unlink('b'); write('b', b'x'); os.unlink('b')").expect("room again");
    // Sizes count, whether or not anything was written there.
    for (call, said) in [
        ("os.truncate, 'a', 1 << 40", "ENOSPC"),
        ("os.truncate, 'a', (1 << 63) - 1", "ENOSPC"),
        ("os.pwrite, held, b'x', 1 << 40", "ENOSPC"),
        ("os.pread, held, 100_000_000, 0", "works"),
    ] {
        py.run("write('a', b'1'); held = os.open('a', os.O_RDWR)").expect("a file");
        assert_eq!(text(&mut py, &format!("fails({call})")), said, "{call}");
        py.run("os.close(held); assert os.stat('a').st_size == 1; os.unlink('a')").expect(call);
    }
    py.run(
        "for i in range(20): [os.mkdir, lambda p: write(p, b''), lambda p: os.symlink('x', p)][i % 3](f'n{i}')\n\
         for make in [os.mkdir, lambda p: open(p, 'w'), lambda p: os.symlink('x', p)]:\n\
         \x20   assert fails(make, 'more') == 'ENOSPC'\n\
         \x20   assert not os.path.lexists('more')\n\
         os.rmdir('n0'); write('more', b''); os.unlink('more')\n\
         assert fails(os.mkdir, 'x' * 256) == 'ENAMETOOLONG'\n\
         os.mkdir('x' * 255)",
    )
    .expect("as many as there may be");
    assert_eq!(py.usage().trees.files, 20);
}

/// Names count, whoever made what they stand for, and what they were before is not kept for ever.
#[test]
fn names_are_bounded_too() {
    let quota = Some(Quota { bytes: 4096, files: 20 });
    let below = files([("given", "text")]);
    let mut py = mounts([Mount { quota, ..Mount::new("/over", Tree::Overlay(Box::new(below))) }]);
    py.run(
        "os.chdir('/over')\n\
         for i in range(20): os.link('given', f'n{i}')\n\
         assert fails(os.link, 'given', 'more') == 'ENOSPC'\n\
         assert os.stat('given').st_nlink == 21\n\
         os.unlink('given'); os.mkdir('d')\n\
         assert fails(os.mkdir, 'e') == 'ENOSPC'\n\
         for i in range(20): assert open(f'n{i}').read() == 'text'; os.unlink(f'n{i}')",
    )
    .expect("as many as there may be");
    assert_eq!(py.usage().trees.files, 1);
    let changes: Vec<_> = py.files().changes().into_iter().map(|change| change.path).collect();
    assert_eq!(changes, [std::path::Path::new("/over/d"), std::path::Path::new("/over/given")]);
    py.files().put("/over/moves", *b"x").expect("put");
    py.run("for i in range(2_000): os.rename('moves' if i == 0 else f'm{i - 1}', f'm{i}')")
        .expect("moved");
    assert_eq!(py.files().changes().len(), 4);
}

/// Deep folders, many names, long listings: nothing of it is quadratic, and no stack is used up.
#[test]
fn many_and_deep() {
    let quota = Quota { bytes: 64 << 20, files: 200_000 };
    let mut py = with(RUNTIME.interpreter().tmp(quota));
    py.run(
        "os.chdir('/tmp')\n\
         os.mkdir('many')\n\
         for i in range(20_000): os.close(os.open(f'many/{i}', os.O_CREAT | os.O_WRONLY))\n\
         assert sorted(map(int, os.listdir('many'))) == list(range(20_000))\n\
         for entry in os.scandir('many'): os.unlink(entry)\n\
         os.rmdir('many')",
    )
    .expect("many");
    py.run(
        "leaf = '/'.join(['d'] * 400)\n\
         os.mkdir('deep')\n\
         for level in range(100):\n\
         \x20   os.makedirs(leaf)\n\
         \x20   os.rename('deep', leaf + '/deep')\n\
         \x20   os.rename('d', 'deep')",
    )
    .expect("deep");
    assert!(py.usage().trees.files >= 40_000, "{:?}", py.usage());
    drop(py);
}

#[test]
fn files_that_are_given_can_be_read_and_not_changed() {
    let made = folder();
    let zip = made.path().join("a.zip");
    let mut archive = zip::ZipWriter::new(fs::File::create(&zip).expect("a file"));
    for name in ["top", "sub/inner"] {
        archive.start_file(name, zip::write::SimpleFileOptions::default()).expect("an entry");
        archive.write_all(name.as_bytes()).expect("written");
    }
    archive.finish().expect("an archive");
    let tar = |gzip: bool| {
        let path = made.path().join(if gzip { "a.tar.gz" } else { "a.tar" });
        let file = fs::File::create(&path).expect("a file");
        let file: Box<dyn std::io::Write> = match gzip {
            true => Box::new(flate2::write::GzEncoder::new(file, flate2::Compression::fast())),
            false => Box::new(file),
        };
        let mut archive = tar::Builder::new(file);
        for name in ["top", "sub/inner"] {
            let mut header = tar::Header::new_gnu();
            header.set_size(name.len() as u64);
            header.set_mode(0o644);
            archive.append_data(&mut header, name, name.as_bytes()).expect("an entry");
        }
        archive.into_inner().expect("an archive").flush().expect("written");
        path
    };
    let linked = |of: &str| {
        let path = made.path().join("linked.tar");
        let mut archive = tar::Builder::new(fs::File::create(&path).expect("a file"));
        let mut header = tar::Header::new_gnu();
        header.set_size(3);
        header.set_mode(0o644);
        archive.append_data(&mut header, "./top", &b"top"[..]).expect("an entry");
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Link);
        header.set_size(0);
        archive.append_link(&mut header, "sub/other", of).expect("an entry");
        archive.into_inner().expect("an archive").flush().expect("written");
        Mount::new("/in", Tree::Archive(path))
    };
    let mut py = mounts([linked("top")]);
    py.run("assert open('/in/sub/other').read() == open('/in/top').read() == 'top'")
        .expect("a file by its other name");
    let refused = RUNTIME.interpreter().mount(linked("none")).build().expect_err("no such entry");
    assert!(refused.to_string().contains("sub/other is another name of none"), "{refused}");
    for tree in [
        files([("top", "top"), ("sub/inner", "sub/inner")]),
        Tree::Archive(zip),
        Tree::Archive(tar(false)),
        Tree::Archive(tar(true)),
    ] {
        let what = format!("{tree:?}");
        let mut py = mounts([
            Mount::new("/in", tree.clone()),
            Mount::new("/over", Tree::Overlay(tree.into())),
        ]);
        py.run(
            "for root in ['/in', '/over']:\n\
             \x20   assert sorted(os.listdir(root)) == ['sub', 'top'], os.listdir(root)\n\
             \x20   assert open(root + '/top').read() == 'top'\n\
             \x20   assert open(root + '/sub/inner').read() == 'sub/inner'\n\
             for call in [lambda: write('/in/top', b''), lambda: write('/in/new', b''), lambda: os.mkdir('/in/d'),\n\
             \x20            lambda: os.unlink('/in/top'), lambda: os.rename('/in/top', '/in/x'),\n\
             \x20            lambda: os.rename('/in/top', '/tmp/x'), lambda: os.link('/in/top', '/in/x'),\n\
             \x20            lambda: os.utime('/in/top', (1, 1)), lambda: os.truncate('/in/top', 0),\n\
             \x20            lambda: os.symlink('top', '/in/x'), lambda: os.rmdir('/in/sub')]:\n\
             \x20   assert fails(call) == 'EPERM', call.__code__.co_consts\n\
             write('/over/top', b'new'); os.unlink('/over/sub/inner'); os.rmdir('/over/sub'); write('/over/a', b'')",
        )
        .expect(&what);
        assert_eq!(py.files().get("/in/top").expect("there"), b"top");
        assert_eq!(py.files().get("/over/top").expect("there"), b"new");
    }
}

/// T9: links of archives lead to what is in them and nowhere else.
#[test]
fn links_of_archives_stay_in_them() {
    let made = folder();
    let links = [
        ("a", "sub/file"),
        ("sub/up", "../top"),
        ("sub/self/back", "../../sub/self/../file"),
        ("folder", "sub"),
        ("through", "folder/up"),
        ("dangling", "none/at/all"),
        ("out", "../secret"),
        ("sub/out", "../../secret"),
        ("absolute", "/secret/file"),
        ("here", "."),
        ("indirect", "sub/self/back/../../../../secret"),
        ("by-link", "here/../secret"),
        ("ring", "ring"),
        ("ring-a", "ring-b"),
        ("ring-b", "ring-a"),
        ("top", "sub/file"),
        ("folder/below", "file"),
        ("empty", ""),
    ];
    let tar = made.path().join("a.tar");
    let mut archive = tar::Builder::new(fs::File::create(&tar).expect("a file"));
    let zip = made.path().join("a.zip");
    let mut zipped = zip::ZipWriter::new(fs::File::create(&zip).expect("a file"));
    let options = zip::write::SimpleFileOptions::default();
    for (name, text) in links {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        if text.is_empty() {
            // Nobody writes such a one by the ordinary way.
            header.set_path(name).expect("a name");
            header.set_cksum();
            archive.append(&header, std::io::empty()).expect("a link");
        } else {
            archive.append_link(&mut header, name, text).expect("a link");
        }
        // The writer of zip files takes no name twice.
        if name != "top" {
            zipped.add_symlink(name, text, options).expect("a link");
        }
    }
    for name in ["top", "sub/file"] {
        let mut header = tar::Header::new_gnu();
        header.set_size(name.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, name.as_bytes()).expect("an entry");
        zipped.start_file(name, options).expect("an entry");
        zipped.write_all(name.as_bytes()).expect("written");
    }
    archive.into_inner().expect("an archive").flush().expect("written");
    zipped.finish().expect("an archive");
    for tree in [Tree::Archive(tar), Tree::Archive(zip)] {
        let what = format!("{tree:?}");
        let mut py = mounts([
            Mount::new("/secret", files([("file", "secret")])),
            Mount::new("/in", tree.clone()),
            Mount::new("/over", Tree::Overlay(tree.into())),
        ]);
        py.run(
            "for root in ['/in/', '/over/']:
    found = sorted(os.path.relpath(os.path.join(at, name), root) for at, folders, names in os.walk(root) for name in folders + names)
    assert found == ['a', 'dangling', 'folder', 'here', 'sub', 'sub/file', 'sub/self', 'sub/self/back', 'sub/up', 'through', 'top'], found
    for name, text in [('a', 'sub/file'), ('sub/up', 'top'), ('sub/self/back', 'sub/file'), ('folder/file', 'sub/file'), ('through', 'top'), ('here/here/top', 'top')]:
        assert open(root + name).read() == text, name
    assert os.readlink(root + 'sub/up') == '../top' and os.lstat(root + 'a').st_size == 8
    assert sorted(os.listdir(root + 'folder')) == ['file', 'self', 'up']
    assert fails(open, root + 'dangling') == 'ENOENT'
assert fails(os.unlink, '/in/a') == 'EPERM'
write('/over/a', b'new')
assert open('/over/sub/file').read() == 'new' and open('/in/sub/file').read() == 'sub/file'",
        )
        .expect(&what);
    }
    // One that would lie outside is refused as any other entry is.
    let tar = made.path().join("b.tar");
    let mut archive = tar::Builder::new(fs::File::create(&tar).expect("a file"));
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    header.as_mut_bytes()[..7].copy_from_slice(b"../link");
    header.set_link_name("top").expect("a link");
    header.set_cksum();
    archive.append(&header, std::io::empty()).expect("an entry");
    archive.into_inner().expect("an archive").flush().expect("written");
    let mount = Mount::new("/in", Tree::Archive(tar));
    let refused = RUNTIME.interpreter().mount(mount).build().expect_err("outside");
    assert!(refused.to_string().contains("../link"), "{refused}");
}

#[test]
fn an_overlay_changes_in_memory_alone() {
    let made = folder();
    fs::create_dir_all(made.path().join("sub/deep")).expect("folders");
    for name in ["kept", "changed", "grown", "removed", "replaced", "sub/inner", "sub/deep/x"] {
        fs::write(made.path().join(name), name).expect("a file");
    }
    let mount = Mount::new("/data", Tree::Overlay(Box::new(host(&made, Access::ReadOnly))));
    let mut py = mounts([mount]);
    py.run(
        "os.chdir('/data')\n\
         assert open('kept').read() == 'kept'\n\
         reader = open('changed')\n\
         with open('changed', 'r+') as file: file.write('CHANG')\n\
         assert open('changed').read() == 'CHANGed' and reader.read() == 'CHANGed'\n\
         with open('grown', 'a') as file: file.write('!')\n\
         os.unlink('removed')\n\
         assert not os.path.exists('removed') and 'removed' not in os.listdir()\n\
         write('new', b'n'); os.replace('new', 'replaced')\n\
         os.rename('sub', 'moved')\n\
         assert open('moved/deep/x').read() == 'sub/deep/x' and not os.path.exists('sub')\n\
         os.makedirs('made/here'); write('made/here/y', b'y')",
    )
    .expect("changes");
    let changes: Vec<_> = py
        .files()
        .changes()
        .into_iter()
        .map(|change| (change.path.display().to_string(), change.change, change.kind))
        .collect();
    let (file, folder) = (Some(FileKind::File), Some(FileKind::Folder));
    for wanted in [
        ("/data/changed", ChangeKind::Changed, file),
        ("/data/grown", ChangeKind::Changed, file),
        ("/data/made", ChangeKind::Created, folder),
        ("/data/made/here/y", ChangeKind::Created, file),
        ("/data/removed", ChangeKind::Removed, None),
        ("/data/replaced", ChangeKind::Changed, file),
        ("/data/sub", ChangeKind::Removed, None),
        ("/data/moved", ChangeKind::Created, folder),
        ("/data/moved/deep/x", ChangeKind::Created, file),
    ] {
        let wanted = (wanted.0.to_owned(), wanted.1, wanted.2);
        assert!(changes.contains(&wanted), "{wanted:?} in {changes:#?}");
    }
    assert!(!changes.iter().any(|(path, ..)| path.contains("kept")), "{changes:?}");
    for name in ["kept", "changed", "grown", "removed", "replaced", "sub/inner", "sub/deep/x"] {
        assert_eq!(fs::read_to_string(made.path().join(name)).expect("there"), name);
    }
}

#[test]
fn a_folder_of_the_host_is_not_filled_without_bound() {
    let made = folder();
    fs::write(made.path().join("old"), vec![b'o'; 500_000]).expect("a file");
    let quota = Some(Quota { bytes: 1_000_000, files: 5 });
    let mut py = mounts([Mount { quota, ..Mount::new("/data", host(&made, Access::ReadWrite)) }]);
    let used = |py: &Interpreter| py.usage().folders.bytes;
    assert_eq!(py.usage().folder_quotas, Stored { bytes: 1_000_000, files: 5 });
    assert_eq!(py.usage().peak_folders, Stored::default());
    py.run(
        "os.chdir('/data')\n\
         def fill(path, mode='wb'):\n\
         \x20   with open(path, mode, buffering=0) as file:\n\
         \x20       try:\n\
         \x20           while True: file.write(bytes(65_536))\n\
         \x20       except OSError as error: assert error.errno == errno.EDQUOT, error\n\
         \x20   return os.stat(path).st_size",
    )
    .expect("the start");
    for mode in ["wb", "ab", "r+b"] {
        py.run("write('a', b'')").expect("a file");
        assert_eq!(number(&mut py, &format!("fill('a', '{mode}')")), 1_000_000, "{mode}");
        assert_eq!(
            (used(&py), text(&mut py, "fails(write, 'b', b'x')")),
            (1_000_000, "EDQUOT".into())
        );
        // What is there can be written again.
        py.run("with open('a', 'r+b') as file: file.write(bytes(1_000_000))").expect(mode);
        py.run("os.unlink('a'); os.unlink('b')").expect("removed");
        assert_eq!(used(&py), 0, "{mode}");
        assert_eq!(py.usage().peak_folders, Stored { bytes: 1_000_000, files: 2 });
    }
    for call in ["os.truncate, 'old', 1 << 40", "os.truncate, 'old', 2_000_000"] {
        assert_eq!(text(&mut py, &format!("fails({call})")), "EDQUOT");
    }
    py.run("fd = os.open('old', os.O_RDWR)").expect("opened");
    assert_eq!(text(&mut py, "fails(os.pwrite, fd, b'x', 1 << 40)"), "EDQUOT");
    py.run("os.close(fd)").expect("closed");
    assert_eq!(
        (used(&py), fs::metadata(made.path().join("old")).expect("there").len()),
        (0, 500_000)
    );
    // Truncated, replaced, opened without a name.
    py.run("fill('a'); os.truncate('a', 10)").expect("cut");
    assert_eq!(used(&py), 10);
    py.run("write('b', bytes(900_000)); os.replace('a', 'b')").expect("replaced");
    assert_eq!(used(&py), 10);
    py.run("held = open('c', 'wb', buffering=0); held.write(bytes(900_000)); os.unlink('c')")
        .expect("held");
    assert_eq!(used(&py), 900_010);
    assert_eq!(text(&mut py, "fails(write, 'd', bytes(200_000))"), "EDQUOT");
    py.run("held.close(); os.unlink('d')").expect("closed");
    assert_eq!(used(&py), 10, "and given back when nobody has it any more");
    // What the host had gives no more room than there was.
    py.run("os.unlink('old'); os.unlink('b')").expect("removed");
    assert_eq!(used(&py), 0);
    assert_eq!(number(&mut py, "fill('a')"), 1_000_000);
    let mut py = mounts([Mount { quota, ..Mount::new("/data", host(&made, Access::ReadWrite)) }]);
    py.run("os.chdir('/data')\nfor name in os.listdir(): os.unlink(name)").expect("emptied");
    py.run("for i in range(5): [os.mkdir, lambda p: os.symlink('x', p)][i % 2](f'n{i}')")
        .expect("five");
    for make in ["os.mkdir, 'm'", "open, 'm', 'w'", "os.symlink, 'x', 'm'", "os.link, 'n1', 'm'"] {
        assert_eq!(text(&mut py, &format!("fails({make})")), "EDQUOT", "{make}");
    }
    assert_eq!(fs::read_dir(made.path()).expect("the folder").count(), 5);
    py.run("os.rmdir('n0'); write('m', b'')").expect("one less, one more");
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

#[test]
fn the_command_takes_files_in_and_out() {
    let made = folder();
    let at = |name: &str| made.path().join(name);
    fs::write(at("in.txt"), "input").expect("a file");
    fs::create_dir(at("src")).expect("a folder");
    fs::write(at("src/a"), "a").expect("a file");
    let program = "import os, pathlib, sys\n\
         assert open('/tmp/given').read() == open('/job/given').read() == 'input'\n\
         open('/job/given', 'a').write('!')\n\
         pathlib.Path('/tmp/x/y').mkdir(parents=True)\n\
         pathlib.Path('/tmp/x/y/z').write_text('zz')\n\
         os.symlink('/etc', '/tmp/link')\n\
         pathlib.Path('/src/a').write_text('changed')\n\
         sys.exit(3)\n";
    let input = at("in.txt");
    let call = ophidia(["run"])
        .args(["--file", &format!("{}::/tmp/given", input.display())])
        .args(["--file", &format!("{}::/job/given", input.display())])
        .args(["--overlay", &format!("{}::/src", at("src").display())])
        .arg("--out")
        .arg(at("out"))
        .args(["-c", program]);
    call.expect_status(3);
    let read = |name: &str| fs::read_to_string(at(name)).expect(name);
    assert_eq!((read("out/tmp/x/y/z"), read("out/job/given")), ("zz".into(), "input!".into()));
    assert_eq!(
        (read("out/src/a"), read("src/a"), read("in.txt")),
        ("changed".into(), "a".into(), "input".into())
    );
    assert!(!at("out/tmp/given").exists() && !at("out/tmp/link").exists());
    // Also when a limit stops it, and through no link that is there.
    fs::create_dir(at("elsewhere")).expect("a folder");
    fs::create_dir(at("out2")).expect("a folder");
    std::os::unix::fs::symlink(at("elsewhere"), at("out2/tmp")).expect("a link");
    let program = "open('/tmp/late', 'w').write('x')\nwhile True: pass";
    let call = ophidia(["run", "--timeout", "300ms", "--out"]);
    let outcome = call.arg(at("out2")).args(["-c", program]).expect_status(124);
    outcome.stderr_has("/tmp/late");
    assert_eq!(fs::read_dir(at("elsewhere")).expect("the folder").count(), 0);
    let call = ophidia(["run", "--timeout", "300ms", "--out"]);
    call.arg(at("out3")).args(["-c", program]).expect_status(124);
    assert_eq!(read("out3/tmp/late"), "x");
}

#[test]
fn the_command_bounds_what_is_written() {
    let made = folder();
    let fill = "import os, sys\nfile = open(sys.argv[1] + '/a', 'wb', buffering=0)\ntry:\n    while True: \
                file.write(bytes(65536))\nexcept OSError as error: print(error.strerror, os.fstat(file.fileno()).st_size)";
    let rw = format!("{}::/data:rw", made.path().display());
    for (options, folder, said) in [
        (&["--tmp", "1MiB"][..], "/tmp", ["quota of /tmp: 1048576 bytes ", " 1048576\n"]),
        (
            &["--folder", "2MiB", "--dir", &rw],
            "/data",
            ["limit folder, of /data: 2097152 bytes ", " 2097152\n"],
        ),
    ] {
        let outcome = ophidia(["run"]).args(options).args(["-c", fill, folder]).expect_ok();
        let [begins, ends] = said;
        let said = outcome.stdout();
        assert!(said.starts_with(begins) && said.ends_with(ends), "{said}");
    }
    let over = format!("{}::/tmp", made.path().display());
    ophidia(["run", "--dir", &over, "-c", "import os; os.listdir('/tmp')"]).expect_ok();
    ophidia(["run", "--tmp", "none", "-c", "import os; assert not os.path.exists('/tmp')"])
        .expect_ok();
    for (options, says) in [
        (&["--tmp", "0"][..], "quota of nothing"),
        (&["--tmp", "much"], "give a number and a unit"),
        (&["--clock", "yesterday"], "2020-01-01T00:00:00Z"),
        (&["--seed", "x"], "--seed"),
        (&["--file", "/no/such"], "no such file"),
        (&["--file", "/etc"], "--dir"),
        (&["--overlay", "/no/such"], "no such folder"),
        (&["--file", "/etc/passwd::/x", "--file", "/etc/hosts::/x"], "/etc/hosts would be /x"),
        (&["--file", "/etc/hosts::/x/y", "--file", "/etc/passwd::/x"], "/etc/passwd would be /x,"),
        (&["--overlay", &over, "--tmp", "1MiB"], "--tmp 1MiB: /tmp is what"),
        (&["--dir", &over, "--tmp", "1MiB"], "--tmp 1MiB: /tmp is what"),
        (&["--out", "/proc/nowhere"], "name a folder that you can write to"),
        (&["--dir", &rw, "--file", "/etc/passwd::/data/x"], "give the file another name"),
    ] {
        ophidia(["run"])
            .args(options)
            .args(["-c", "print('ran')"])
            .expect_status(2)
            .stderr_has(says);
    }
}

#[test]
fn what_is_opened_and_denied_is_told() {
    let made = folder();
    fs::write(made.path().join("a"), "text").expect("a file");
    let log = made.path().join("audit");
    let program = "import os\n\
         open('/in/a').read()\nopen('/tmp/b', 'w').close()\nos.chdir('/in')\nopen('a').close()\n\
         for call in [lambda: open('/in/new', 'w'), lambda: os.mkdir('/new'), lambda: os.unlink('/in/a'),\n\
         \x20            lambda: os.rename('/tmp/b', '/in/b'), lambda: open('/in/../in/../nowhere')]:\n\
         \x20   try: call()\n\
         \x20   except OSError: pass\n\
         os.open('/in/none', os.O_RDONLY)";
    let granted = format!("{}::/in", made.path().display());
    let call = ophidia(["run", "--dir", &granted, "--audit"]).arg(&log).args(["-c", program]);
    call.expect_status(1).stderr_has("FileNotFoundError");
    let lines: Vec<serde_json::Value> = fs::read_to_string(&log)
        .expect("it is there")
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line of JSON"))
        .collect();
    let opened: Vec<_> = lines
        .iter()
        .filter(|line| {
            line["event"] == "opened" && !line["path"].as_str().expect("text").starts_with("/usr")
        })
        .map(|line| (line["path"].as_str().expect("text"), line["write"].as_bool().expect("one")))
        .collect();
    assert_eq!(opened, [("/in/a", false), ("/tmp/b", true), ("/in/a", false)]);
    let denied: Vec<_> = lines
        .iter()
        .filter(|line| line["event"] == "denied")
        .map(|line| (line["action"].as_str().expect("text"), line["path"].as_str().expect("text")))
        .collect();
    let wanted =
        [("open", "/in/new"), ("mkdir", "/new"), ("unlink", "/in/a"), ("rename", "/tmp/b")];
    assert_eq!(denied[..4], wanted);
    assert_eq!(denied[4].0, "open");
    assert!(
        lines
            .iter()
            .filter(|line| line["event"] == "denied")
            .all(|line| line["reason"].as_str().is_some_and(|reason| reason.contains("grant")))
    );
    // A program cannot fill a disk with it.
    let flood =
        "import os\nfor _ in range(101_000):\n    try: os.mkdir('/a')\n    except OSError: pass";
    ophidia(["run", "--audit"]).arg(&log).args(["-c", flood]).expect_ok();
    let said = fs::read_to_string(&log).expect("it is there");
    assert_eq!(
        (said.lines().count(), said.lines().last()),
        (100_001, Some("{\"event\":\"left-out\"}"))
    );
    ophidia(["run", "--audit", "/proc/none", "-c", "1"]).expect_status(2).stderr_has("name a file");
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

/// What an interpreter was denied since this was last asked: action, path, reason.
#[derive(Clone, Default)]
struct Denials(Arc<Mutex<Vec<[String; 3]>>>);

impl Denials {
    fn take(&self) -> Vec<[String; 3]> {
        std::mem::take(&mut self.0.lock().expect("no panic"))
    }

    /// An interpreter whose denials are told here, with what says how a call ends.
    fn of(&self, builder: InterpreterBuilder) -> Interpreter {
        let told = Arc::clone(&self.0);
        let audit = Audit::new(move |event| {
            if let AuditEvent::Denied { action, path, reason } = event {
                let line = [(*action).to_owned(), path.clone(), reason.to_string()];
                told.lock().expect("no panic").push(line);
            }
        });
        let mut py = with(builder.audit(audit));
        py.run(
            "def says(call, *args):\n\
             \x20   try: call(*args)\n\
             \x20   except OSError as error: return f'{type(error).__name__}: {error.strerror}'\n\
             \x20   return 'works'\n\
             def fill(fd):\n\
             \x20   while True: os.write(fd, bytes(4096))",
        )
        .expect("the start");
        py
    }

    /// A call ends so, and who listens is told of this action and path, with the same reason, or of nothing.
    #[track_caller]
    fn ends(&self, py: &mut Interpreter, call: &str, says: &str, told: Option<[&str; 2]>) {
        let said = text(py, &format!("says({call})"));
        assert!(said.starts_with(says), "{call}: {said}");
        let denied = self.take();
        let places: Vec<_> = denied.iter().map(|[action, path, _]| [&**action, &**path]).collect();
        assert_eq!(places, told.into_iter().collect::<Vec<_>>(), "{call}: {denied:?}");
        if let (Some([.., reason]), false) = (denied.first(), said.contains("No such file")) {
            assert!(said.ends_with(&**reason), "{call}: {said}: {reason}");
        }
    }
}

#[test]
fn what_is_below_no_tree_is_told_and_explained() {
    let made = folder();
    let builder = RUNTIME.interpreter().dir(DirGrant::read_only(made.path(), "/in"));
    let denials = Denials::default();
    let mut py = denials.of(builder.current_dir_name("/home/ada/work"));
    py.run("write('/tmp/a', b'')\ntry: import no_such_module\nexcept ImportError: pass")
        .expect("nothing that is denied");
    assert_eq!(denials.take(), Vec::<[String; 3]>::new(), "what imports look at");
    let (missing, plain) =
        ("FileNotFoundError: nothing is granted", "FileNotFoundError: No such file");
    let refused = "PermissionError: nothing is granted";
    for (call, says, told) in [
        ("open, '/etc/passwd'", missing, Some(["open", "/etc/passwd"])),
        ("open, '/etc'", missing, Some(["open", "/etc"])),
        ("open, '/x/../../etc/passwd'", missing, Some(["open", "/x/../../etc/passwd"])),
        ("os.listdir, '/root/.ssh'", missing, Some(["open", "/root/.ssh"])),
        ("open, '/etc/new/x', 'w'", refused, Some(["open", "/etc/new/x"])),
        ("os.mkdir, '/etc/new/x'", refused, Some(["mkdir", "/etc/new/x"])),
        ("os.rename, '/tmp/a', '/etc/new/x'", refused, Some(["rename", "/tmp/a"])),
        ("os.stat, '/etc/passwd'", plain, Some(["stat", "/etc/passwd"])),
        ("os.stat, '/home/ada'", plain, None),
        ("open, '/in/none/x'", plain, None),
        ("open, '/usr/lib/python3.14/none/x.py'", plain, None),
        ("open, '/tmp/none'", plain, None),
    ] {
        denials.ends(&mut py, call, says, told);
    }
}

/// What is refused says by which rule: a link that leads out is not mended by granting the folder for writing.
#[test]
fn each_refusal_has_its_own_rule() {
    let made = folder();
    let inside = made.path().join("inside");
    fs::create_dir(&inside).expect("a folder");
    fs::write(made.path().join("secret"), "secret").expect("a file");
    fs::write(inside.join("file"), "file").expect("a file");
    for (target, name) in [("../secret", "out"), ("/etc/passwd", "absolute"), ("..", "up")] {
        std::os::unix::fs::symlink(target, inside.join(name)).expect("a link");
    }
    let denials = Denials::default();
    let builder = RUNTIME.interpreter().dir(DirGrant::read_only(&inside, "/ro"));
    let mut py = denials.of(builder.dir(DirGrant::read_write(&inside, "/rw")));
    let (out, ro) = (
        "PermissionError: leads out of what is granted",
        "PermissionError: not granted for writing",
    );
    for (call, says, told) in [
        ("open, '/ro/out'", out, Some(["open", "/ro/out"])),
        ("open, '/rw/out'", out, Some(["open", "/rw/out"])),
        ("open, '/rw/absolute'", out, Some(["open", "/rw/absolute"])),
        ("os.stat, '/rw/up/secret'", out, Some(["stat", "/rw/up/secret"])),
        ("os.symlink, '/etc', '/rw/new'", out, Some(["symlink", "/rw/new"])),
        ("open, '/ro/file', 'w'", ro, Some(["open", "/ro/file"])),
        ("os.unlink, '/ro/file'", ro, Some(["unlink", "/ro/file"])),
    ] {
        denials.ends(&mut py, call, says, told);
    }
    // A rule of the system, not of a grant.
    py.run("os.mkdir('/tmp/d')").expect("a folder");
    denials.ends(&mut py, "os.link, '/tmp/d', '/tmp/e'", "PermissionError: Operation not", None);
}

#[test]
fn quotas_that_fire_are_told_and_explained() {
    let made = folder();
    let denials = Denials::default();
    let quota = |bytes, files| Quota { bytes, files };
    let builder = RUNTIME.interpreter().tmp(quota(8192, 2)).files(3).folder(quota(4096, 2));
    let mut py = denials.of(builder.dir(DirGrant::read_write(made.path(), "/rw")));
    py.run(
        "a = os.open('/tmp/a', os.O_RDWR | os.O_CREAT)\n\
         b = os.open('/rw/b', os.O_RDWR | os.O_CREAT)\n\
         os.mkdir('/tmp/d'); os.mkdir('/rw/d')",
    )
    .expect("as much as there may be");
    for (call, says, told) in [
        ("fill, a", "OSError: quota of /tmp: 8192 bytes allowed", ["write", "/tmp/a"]),
        ("os.ftruncate, a, 1 << 40", "OSError: quota of /tmp: 8192 ", ["truncate", "/tmp/a"]),
        ("os.mkdir, '/tmp/e'", "OSError: quota of /tmp: 2 files, folders", ["mkdir", "/tmp/e"]),
        ("fill, b", "OSError: limit folder, of /rw: 4096 bytes allowed", ["write", "/rw/b"]),
        ("os.mkdir, '/rw/e'", "OSError: limit folder, of /rw: 2 files", ["mkdir", "/rw/e"]),
    ] {
        denials.ends(&mut py, call, says, Some(told));
    }
    py.run("c = os.open('/tmp/a', os.O_RDONLY)").expect("the third");
    let says = "OSError: limit files: 3 open at once allowed";
    denials.ends(&mut py, "os.open, '/tmp/a', os.O_RDONLY", says, Some(["open", "/tmp/a"]));
    let mut py = denials.of(RUNTIME.interpreter().host_memory(1 << 20));
    py.run("a = os.open('/tmp/a', os.O_RDWR | os.O_CREAT)").expect("a file");
    let says = "OSError: limit host_memory: 1048576 bytes";
    denials.ends(&mut py, "fill, a", says, Some(["write", "/tmp/a"]));
}

/// Whoever works on the host would follow a link that leads out, although no guest does.
#[test]
fn no_link_is_left_that_leads_out_of_a_folder() {
    let made = folder();
    fs::create_dir_all(made.path().join("in/a/b")).expect("folders");
    fs::create_dir(made.path().join("in/a/c")).expect("a folder");
    let inside = Tree::Folder { host: made.path().join("in"), access: Access::ReadWrite };
    let mut py = mounts([Mount::new("/w", inside)]);
    for (text_of, at, said) in [
        ("../../../../etc", "/w/s", "EPERM"),
        ("..", "/w/s", "EPERM"),
        ("x/../..", "/w/s", "EPERM"),
        ("../../..", "/w/a/b/s", "EPERM"),
        ("../../x", "/w/a/../s", "EPERM"),
        ("../..", "/w/a/b/s", "works"),
        ("../c", "/w/a/b/t", "works"),
        ("x/..", "/w/t", "works"),
    ] {
        let call = format!("fails(os.symlink, '{text_of}', '{at}')");
        assert_eq!(text(&mut py, &call), said, "{text_of} {at}");
    }
    // Nor by another name.
    for call in ["os.rename, '/w/a/b/s', '/w/s'", "os.link, '/w/a/b/s', '/w/s'"] {
        assert_eq!(text(&mut py, &format!("fails({call})")), "EPERM", "{call}");
    }
    assert_eq!(text(&mut py, "fails(os.rename, '/w/a/b/t', '/w/a/c/t')"), "works");
    assert!(!made.path().join("in/s").is_symlink());
}

/// In an overlay a link of the host's is a name like others: it leads where it says in the guest's own paths.
#[test]
fn an_overlay_has_the_absolute_links_of_what_is_below() {
    let made = folder();
    for name in ["link", "gone"] {
        std::os::unix::fs::symlink("/tmp/there", made.path().join(name)).expect("a link");
    }
    let below = Tree::Overlay(Box::new(host(&made, Access::ReadOnly)));
    let mut py = mounts([Mount::new("/over", below)]);
    py.run(
        "import stat\n\
         assert sorted(os.listdir('/over')) == ['gone', 'link']\n\
         assert stat.S_ISLNK(os.lstat('/over/link').st_mode)\n\
         assert os.readlink('/over/link') == '/tmp/there'\n\
         assert fails(os.stat, '/over/link') == 'ENOENT'\n\
         write('/tmp/there', b'own')\n\
         assert open('/over/link').read() == 'own'\n\
         os.unlink('/over/gone')\n\
         assert os.listdir('/over') == ['link']",
    )
    .expect("links");
    assert!(made.path().join("gone").is_symlink(), "it stays below");
}
