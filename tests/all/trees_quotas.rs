//! Trees have quotas of bytes and files, whoever makes what they stand for.

use crate::library::RUNTIME;
use crate::support::{number, text};
use crate::trees::{files, folder, host, mounts, with};
use ophidia::{Access, Interpreter, Mount, Quota, Stored, Tree};
use std::fs;

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
