//! What is opened and denied is told, and each refusal says by which rule.

use crate::library::RUNTIME;
use crate::support::{ophidia, text};
use crate::trees::{folder, mounts, with};
use ophidia::{
    Access, Audit, AuditEvent, DirGrant, Interpreter, InterpreterBuilder, Mount, Quota, Tree,
};
use std::fs;
use std::sync::{Arc, Mutex};

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
