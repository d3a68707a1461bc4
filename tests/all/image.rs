//! The image in the cache: what has been tampered with is noticed, said, and made again.

use crate::library::RUNTIME;
use crate::support::{cache, guest, ophidia_command};
use ophidia::{Error, ImageStage, LimitExceeded, Runtime, Value};
use sha2::{Digest as _, Sha256};
use std::fs::{self, Permissions};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

/// Builds a runtime over a cache folder and gives what it said about discarded images.
fn discarded(folder: &Path) -> Vec<String> {
    let said = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&said);
    let runtime = Runtime::builder(folder)
        .max_interpreters(1)
        .progress(Box::new(move |stage| {
            if let ImageStage::Discarded { reason } = stage {
                heard.lock().expect("no panic holds it").push(reason);
            }
        }))
        .build()
        .expect("a runtime, whatever lay in the cache");
    runtime.interpreter().build().expect("an interpreter").run("x = 1").expect("a statement");
    let said = said.lock().expect("no panic holds it");
    said.clone()
}

#[test]
fn what_the_snapshot_holds_is_immortal_and_nothing_else() {
    let mut py = RUNTIME.interpreter().build().expect("an interpreter");
    py.run(
        "
import collections, gc, json, numpy, sys, weakref
old = [json, json.loads, json.loads.__code__, json.loads.__code__.co_consts, json.loads.__doc__,
       collections.OrderedDict, collections.OrderedDict.__mro__, dict.__mro__, dict.get.__name__,
       sys.modules, numpy.add, numpy.dtype(float), numpy.ndarray]
assert all(map(sys._is_immortal, old))

class Tea(collections.OrderedDict): pass
gone = []
def make():
    tea = Tea(jam=[1], me=None)
    weakref.finalize(tea, gone.append, 'counted')
    circle = Tea()
    circle['me'] = circle
    weakref.finalize(circle, gone.append, 'collected')
make()
assert gone == ['counted'] and gc.collect() > 0 and gone == ['counted', 'collected']
assert sys.getrefcount(Tea) < 20
array = numpy.zeros(1000)
weakref.finalize(array, gone.append, 'array')
del array
assert gone[-1] == 'array'
",
    )
    .expect("it holds");
}

#[test]
fn a_corrupt_or_foreign_image_is_made_again() {
    let real = cache();
    let image = Runtime::builder(&real).image_path().expect("a guest");
    let name = image.file_name().expect("a name");
    Runtime::builder(&real).max_interpreters(1).build().expect("the image is made once");

    let folder = tempfile::tempdir().expect("a folder");
    symlink(real.join("guest"), folder.path().join("guest")).expect("a link");
    let copy = folder.path().join("image").join(name);
    let notes = copy.with_extension("sha256");
    fs::create_dir(folder.path().join("image")).expect("a folder");
    fs::set_permissions(folder.path().join("image"), Permissions::from_mode(0o700)).expect("mode");
    for from in Runtime::builder(&real).image_files().expect("a guest") {
        fs::copy(&from, folder.path().join("image").join(from.file_name().expect("a name")))
            .expect("a copy");
    }
    let note = fs::read(&notes).expect("the note");
    assert_eq!(discarded(folder.path()), [""; 0], "a faithful copy is taken");
    let renewed = fs::read(&notes).expect("the note");
    assert!(renewed != note && renewed[..64] == note[..64], "seen, so not compared again");
    assert_eq!(discarded(folder.path()), [""; 0], "and taken again");
    assert_eq!(fs::read(&notes).expect("the note"), renewed);

    let mut bytes = fs::read(&copy).expect("the copy");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&copy, &bytes).expect("a flipped bit");
    let said = discarded(folder.path());
    assert!(said.iter().any(|reason| reason.contains("is not what was written")), "{said:?}");
    assert_eq!(discarded(folder.path()), [""; 0], "it has been made again");

    // What memories begin with is looked at as the code is.
    let memory = copy.with_extension("memory");
    let file = fs::File::options().write(true).open(&memory).expect("the memory");
    file.write_all_at(b"!", 20 << 20).expect("written");
    let said = discarded(folder.path());
    assert!(
        said.iter().any(|reason| reason.contains(".memory is not what was written")),
        "{said:?}"
    );
    assert_eq!(discarded(folder.path()), [""; 0], "it has been made again");

    for file in [&copy, &memory] {
        fs::set_permissions(file, Permissions::from_mode(0o666)).expect("mode");
        let said = discarded(folder.path());
        assert!(said.iter().any(|reason| reason.contains("written by others")), "{said:?}");
    }
}

/// T12: machine code that somebody else put there is never mapped.
#[test]
fn what_lies_there_in_place_of_an_image_is_refused() {
    let real = cache();
    let image = Runtime::builder(&real).image_path().expect("a guest");
    Runtime::builder(&real).max_interpreters(1).build().expect("the image is made once");
    let folder = tempfile::tempdir().expect("a folder");
    symlink(real.join("guest"), folder.path().join("guest")).expect("a link");
    fs::create_dir(folder.path().join("image")).expect("a folder");
    let place = folder.path().join("image").join(image.file_name().expect("a name"));
    let notes = place.with_extension("sha256");
    // Making it anew is another test's; here nothing can be made: it would need the lock.
    fs::create_dir(place.with_extension("lock")).expect("a folder in its place");
    let refused = || {
        let said = Arc::new(Mutex::new(String::new()));
        let heard = Arc::clone(&said);
        let tell = move |stage| {
            if let ImageStage::Discarded { reason } = stage {
                *heard.lock().expect("no panic holds it") = reason;
            }
        };
        let built = Runtime::builder(folder.path()).progress(Box::new(tell)).build();
        assert!(built.is_err(), "what lies there is not taken");
        said.lock().expect("no panic holds it").clone()
    };
    let faithful = || {
        for from in Runtime::builder(&real).image_files().expect("a guest") {
            let to = folder.path().join("image").join(from.file_name().expect("a name"));
            let _ = fs::remove_file(&to);
            fs::copy(from, to).expect("a copy");
        }
    };

    faithful();
    fs::File::options().write(true).open(&place).expect("it").set_len(4096).expect("truncated");
    assert!(refused().contains("is not what was written"));

    let memory = place.with_extension("memory");
    for len in [0, 1 << 16] {
        faithful();
        fs::File::options().write(true).open(&memory).expect("it").set_len(len).expect("truncated");
        assert!(refused().contains(".memory is not what was written"));
    }

    faithful();
    fs::remove_file(&memory).expect("removed");
    assert!(refused().contains("no memory beside it"));

    // Of another size, and yet with the right hash beside it.
    faithful();
    fs::write(&memory, vec![0; 1 << 16]).expect("written");
    let hash: String =
        Sha256::digest(vec![0; 1 << 16]).iter().map(|byte| format!("{byte:02x}")).collect();
    let note = fs::read_to_string(&notes).expect("the note");
    let code = note.lines().next().expect("a line for the code");
    fs::write(&notes, format!("{code}\n{hash} 0\n")).expect("written");
    let said = refused();
    assert!(said.contains("it has 65536 bytes, where a memory begins with"), "{said}");

    // A note of one file alone, as it was when there was one.
    faithful();
    fs::write(&notes, format!("{code}\n")).expect("written");
    assert!(refused().contains(".memory is not what was written"));

    faithful();
    fs::remove_file(&notes).expect("removed");
    assert!(refused().contains("no note of its hash"));

    // Of another engine, and yet with the right hash beside it.
    faithful();
    let foreign = b"\x7fELF and what another version of wasmtime compiled";
    fs::write(&place, foreign).expect("written");
    let hash: String = Sha256::digest(foreign).iter().map(|byte| format!("{byte:02x}")).collect();
    let of_memory = note.lines().nth(1).expect("a line for the memory");
    fs::write(&notes, format!("{hash} 0\n{of_memory}\n")).expect("written");
    assert!(refused().contains(place.to_str().expect("UTF-8")));

    faithful();
    fs::remove_file(&place).expect("removed");
    symlink(&image, &place).expect("a link");
    assert!(refused().contains("symbolic link"));

    // Only root can give a file away.
    faithful();
    if std::os::unix::fs::chown(&place, Some(65_534), None).is_ok() {
        assert!(refused().contains("belongs to user 65534"));
    }
}

/// Copies what a run needs of the cache, as `cp -r` would.
fn copied_cache(to: &Path) {
    let real = cache();
    Runtime::builder(&real).max_interpreters(1).build().expect("the image is made once");
    let dir = guest().dir;
    let name = dir.file_name().expect("a name");
    for folder in ["image", "guest"] {
        fs::create_dir(to.join(folder)).expect("a folder");
    }
    let copy = |from: &Path, to: &Path| {
        let done = Command::new("cp").arg("-r").arg(from).arg(to).status().expect("cp");
        assert!(done.success(), "{}", from.display());
    };
    for file in Runtime::builder(&real).image_files().expect("a guest") {
        copy(&file, &to.join("image"));
    }
    let folder = to.join("guest").join(name);
    fs::create_dir(&folder).expect("a folder");
    for part in ["guest.wasm", "info.json", "lib"] {
        copy(&dir.join(part), &folder);
    }
}

/// What lies in the image folder, and when it was last changed.
fn listing(folder: &Path) -> Vec<(PathBuf, SystemTime)> {
    let entries = fs::read_dir(folder.join("image")).expect("a folder").flatten();
    let mut all: Vec<_> = entries
        .map(|entry| {
            (entry.path(), entry.metadata().and_then(|data| data.modified()).expect("a time"))
        })
        .collect();
    all.sort();
    all
}

#[test]
fn a_cache_that_can_only_be_read_is_used() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = folder.path().join("cache");
    fs::create_dir(&cache).expect("a folder");
    copied_cache(&cache);
    let command = folder.path().join("ophidia");
    fs::copy(ophidia_command().get_program(), &command).expect("a copy");
    let opened = Command::new("chmod").args(["-R", "a+rX,a-w"]).arg(folder.path()).status();
    assert!(opened.expect("chmod").success());
    let before = listing(&cache);
    assert!(!before.is_empty(), "there is an image");
    let mut run = Command::new(command);
    run.args(["run", "-c", "print(1)"]).env("OPHIDIA_CACHE", &cache).current_dir("/");
    if fs::metadata(folder.path()).expect("it").uid() == 0 {
        // Root may write anything: as somebody else, to whom the cache is root's.
        run.uid(65_534).gid(65_534);
    }
    let output = run.output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.stdout.as_slice(), said.as_ref()), (b"1\n".as_slice(), ""));
    assert_eq!(listing(&cache), before, "nothing is written, no lock, no note");
    let closed = Command::new("chmod").args(["-R", "u+w"]).arg(folder.path()).status();
    assert!(closed.expect("chmod").success());
}

#[test]
fn a_cache_below_a_folder_that_others_can_write_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = folder.path().join("open");
    let cache_dir = open.join("cache");
    fs::create_dir_all(&cache_dir).expect("folders");
    fs::set_permissions(&open, Permissions::from_mode(0o777)).expect("mode");
    symlink(cache().join("guest"), cache_dir.join("guest")).expect("a link");
    let refused = Runtime::builder(&cache_dir).build().expect_err("anybody could swap the cache");
    let said = refused.to_string();
    let named = format!("{} can be written by others (mode 777)", open.display());
    assert!(said.contains(&named) && said.contains("chmod go-w"), "{said}");
    let made = fs::read_dir(cache_dir.join("image")).expect("a folder").flatten();
    assert!(
        made.map(|entry| entry.path()).all(|path| path.extension().is_none_or(|e| e != "cwasm"))
    );
}

#[test]
fn an_image_is_made_once_and_shipped() {
    let image =
        Runtime::builder(cache()).preload_packages(false).portable_image().expect("an image");
    // A cache without a guest: all that is taken along is the image, and the standard library.
    let folder = tempfile::tempdir().expect("a folder");
    let builder = Runtime::builder(folder.path()).max_interpreters(1);
    let runtime = builder.image_bytes(image, guest().stdlib()).build().expect("a runtime");
    let py = runtime.interpreter().timeout(Duration::from_millis(200));
    let mut py = py.build().expect("an interpreter");
    assert_eq!(py.eval("__import__('json').loads('[1]')[0]").expect("it runs"), Value::Int(1));
    let endless = py.run("while True: pass");
    assert!(matches!(endless, Err(Error::Limit(LimitExceeded::Timeout { .. }))), "{endless:?}");
}
