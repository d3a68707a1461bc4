//! The image in the cache: what has been tampered with is noticed, said, and made again.

use crate::library::RUNTIME;
use crate::support::cache;
use ophidia::{ImageStage, Runtime};
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
