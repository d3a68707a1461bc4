//! The image in the cache: what has been tampered with is noticed, said, and made again.

use crate::library::RUNTIME;
use crate::support::cache;
use ophidia::{ImageStage, Runtime};
use sha2::{Digest as _, Sha256};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::{Arc, Mutex};

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
IMMORTAL = sys.getrefcount(None)
old = [json, json.loads, json.loads.__code__, json.loads.__code__.co_consts, json.loads.__doc__,
       collections.OrderedDict, collections.OrderedDict.__mro__, dict.__mro__, dict.get.__name__,
       sys.modules, numpy.add, numpy.dtype(float), numpy.ndarray]
assert [sys.getrefcount(each) for each in old] == [IMMORTAL] * len(old)

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
    for (from, to) in [(&image, &copy), (&image.with_extension("sha256"), &notes)] {
        fs::copy(from, to).expect("a copy");
    }
    assert_eq!(discarded(folder.path()), [""; 0], "a faithful copy is taken");

    let mut bytes = fs::read(&copy).expect("the copy");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&copy, &bytes).expect("a flipped bit");
    let said = discarded(folder.path());
    assert!(said.iter().any(|reason| reason.contains("is not what was written")), "{said:?}");
    assert_eq!(discarded(folder.path()), [""; 0], "it has been made again");

    fs::set_permissions(&copy, Permissions::from_mode(0o666)).expect("mode");
    let said = discarded(folder.path());
    assert!(said.iter().any(|reason| reason.contains("written by others")), "{said:?}");
}

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
        for (from, to) in [(&image, &place), (&image.with_extension("sha256"), &notes)] {
            let _ = fs::remove_file(to);
            fs::copy(from, to).expect("a copy");
        }
    };

    faithful();
    fs::File::options().write(true).open(&place).expect("it").set_len(4096).expect("truncated");
    assert!(refused().contains("is not what was written"));

    faithful();
    fs::remove_file(&notes).expect("removed");
    assert!(refused().contains("no note of its hash"));

    // Of another engine, and yet with the right hash beside it.
    faithful();
    let foreign = b"\x7fELF and what another version of wasmtime compiled";
    fs::write(&place, foreign).expect("written");
    let hash: String = Sha256::digest(foreign).iter().map(|byte| format!("{byte:02x}")).collect();
    fs::write(&notes, format!("{hash} 0\n")).expect("written");
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
