//! Policy files: what they allow is what a program gets; what is wrong in them is said with its place.

use crate::support::ophidia;
use ophidia::Policy;
use std::fs;
use std::path::{Path, PathBuf};

fn write(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("policy.toml");
    fs::write(&path, text).expect("a file");
    path
}

const GOOD: &str = r#"
[limits]
timeout = 0.4
grace = 0.05
memory = 67108864
folder = { bytes = 1000, files = 5 }

[grants]
env = [["MODE", "test"]]
tmp = { bytes = 4096, files = 10 }
seed = 7
clock = "2020-01-01T00:00:00Z"

[[grants.dirs]]
host = "in"
guest = "/in"

[[grants.dirs]]
host = "out"
guest = "/out"
access = "read-write"

[[grants.mounts]]
guest = "/project"
tree.overlay.folder.host = "in"

[[grants.mounts]]
guest = "/scratch"
tree = "memory"
quota = { bytes = 8192, files = 3 }
"#;

#[test]
fn a_program_gets_what_the_policy_says() {
    let made = tempfile::tempdir().expect("a folder");
    for name in ["in", "out", "elsewhere"] {
        fs::create_dir(made.path().join(name)).expect("a folder");
    }
    fs::write(made.path().join("in/a"), "given").expect("a file");
    let policy = write(made.path(), GOOD);
    let program = "import os, time, random
assert dict(os.environ) == {'MODE': 'test'}
assert open('/in/a').read() == open('/project/a').read() == 'given'
open('/project/a', 'w').write('new')
def full(path, size):
    try:
        with open(path, 'wb') as file: file.write(bytes(size))
    except OSError: return True
    return False
assert full('/in/b', 1) and not full('/out/b', 1000) and full('/out/c', 1)
assert not full('/scratch/a', 8192) and full('/scratch/b', 1) and full('/tmp/a', 5000)
print(time.time(), random.random())
while True: pass";
    let run = || {
        ophidia(["run", "--policy"])
            .arg(&policy)
            .args(["-c", program])
            .current_dir(made.path().join("elsewhere"))
    };
    let first = run().expect_status(124).stderr_has("400ms");
    assert!(first.stdout().starts_with("1577836800.0 0."), "{first}");
    assert_eq!(first.stdout(), {
        fs::remove_file(made.path().join("out/b")).expect("it is there");
        run().expect_status(124).stdout()
    });
    assert_eq!(fs::read_to_string(made.path().join("in/a")).expect("there"), "given");

    let said = ophidia(["policy", "check"]).arg(&policy).expect_ok().stdout();
    for words in [
        "as /in",
        "read and write ",
        "changed in memory alone, as /project",
        "at most 8192 in 3 files",
        "2020-01-01",
        "MODE=test",
        "seed 7",
        "400ms",
        "64MiB",
        "no network",
    ] {
        assert!(said.contains(words), "{words:?} in\n{said}");
    }
}

#[test]
fn what_is_wrong_is_said_before_anything_runs() {
    let made = tempfile::tempdir().expect("a folder");
    for (text, says) in [
        ("[limits]\nmemroy = 1\n", &["line 2", "memroy", "memory"][..]),
        ("[limits]\ntimeout = 'long'\n", &["line 2", "timeout"]),
        ("[limits]\ntimeout = -1\n", &["line 2"]),
        ("[grants]\nclock = 'noon'\n", &["line 2", "2020-01-01T00:00:00Z"]),
        ("[net]\n", &["net", "grants", "limits"]),
        (
            "[[grants.dirs]]\nhost = 'nowhere'\nguest = '/a'\n",
            &["nowhere", "name a folder that exists"],
        ),
        ("[[grants.dirs]]\nhost = '.'\nguest = 'a'\n", &["must be absolute"]),
        (
            "[[grants.mounts]]\nguest = '/a'\ntree = 'memory'\nquota = { bytes = 0, files = 1 }\n",
            &["quota of nothing"],
        ),
        (
            "[[grants.mounts]]\nguest = '/a'\ntree = 'memory'\n[[grants.mounts]]\nguest = '/a'\ntree = 'memory'\n",
            &["two grants"],
        ),
        (
            "[grants]\ntmp = { bytes = 4096 }\n[[grants.mounts]]\nguest = '/tmp'\ntree = 'memory'\n",
            &["tmp: a quota of 4096 bytes", "something else"],
        ),
        ("[limits]\ntimeout = '2s'\n", &["line 2", "a number of seconds", "2.5"]),
        ("[limits]\ngrace = -1\n", &["line 2", "not below 0"]),
        ("[grants]\nseed = -1\n", &["seed = -1", "from 0 to 18446744073709551615"]),
        ("[grants]\nseed = 1.5\n", &["seed = 1.5", "a whole number"]),
        (
            "[grants]\nseed = 99999999999999999999\n",
            &["integer `99999999999999999999`, expected a whole number from 0"],
        ),
        ("[limits]\nmemory = -1\n", &["memory = -1", "from 0 to"]),
        ("[limits]\nfiles = 5000000000\n", &["files = 5000000000", "from 0 to 4294967295"]),
        ("[grants]\nclock = '2300-01-01T00:00:00Z'\n", &["line 2", "2262"]),
        ("[limits]\ntimeout = 0\n", &["limit timeout: 0", "none"]),
        ("[limits]\nmemory = 0\n", &["limit memory: 0 bytes", "65536"]),
        (
            "[limits]\nmemory = 9999999999999\n",
            &["limit memory: 9999999999999 bytes", "4294967296"],
        ),
        ("[limits]\nfuel = 0\n", &["limit fuel: 0"]),
        ("[limits]\ncpu = 0\n", &["limit cpu: 0"]),
        ("[limits]\nlife = 0\n", &["limit life: 0"]),
        ("[limits]\nfiles = 0\n", &["limit files: 0", "at least 1"]),
        (
            "[limits]\nfolder = { bytes = 0 }\n[[grants.dirs]]\nhost = '.'\nguest = '/a'\naccess = 'read-write'\n",
            &["limit folder, of /a", "quota of nothing"],
        ),
        ("[grants]\ntmp = { bytes = 4095 }\n", &["\"/tmp\"", "4096"]),
        (
            "[[grants.network.http]]\norigin = 'https://a.test'\nsent = 0\n",
            &["https://a.test", "`sent` is 0"],
        ),
        ("not toml", &["line 1"]),
    ] {
        let policy = write(made.path(), text);
        let check = ophidia(["policy", "check"]).arg(&policy).expect_status(2);
        let run = ophidia(["run", "--policy"]).arg(&policy).args(["-c", "print('ran')"]);
        for outcome in [check, run.expect_status(2)] {
            let outcome = outcome.stderr_has("policy.toml");
            assert!(outcome.stdout.is_empty(), "{outcome}");
            says.iter().fold(outcome, |outcome, words| outcome.stderr_has(words));
        }
    }
    ophidia(["policy", "check", "/no/such"]).expect_status(2).stderr_has("/no/such");
    let policy = write(made.path(), "");
    let both = ophidia(["run", "--timeout", "1s", "--policy"]).arg(&policy).args(["-c", "1"]);
    both.expect_status(2).stderr_has("--timeout").stderr_has("--policy");
    // An empty one is the defaults.
    assert_eq!(Policy::from_toml("").expect("read"), Policy::default());
    ophidia(["run", "--policy"]).arg(&policy).args(["-c", "open('/tmp/a', 'w')"]).expect_ok();
}

#[test]
fn all_that_is_granted_is_said() {
    let made = tempfile::tempdir().expect("a folder");
    let policy = write(
        made.path(),
        "[[grants.mounts]]\nguest = '/tmp/'\ntree = 'memory'\nquota = { bytes = 8192, files = 3 }\n\
         [[grants.mounts]]\nguest = '/scratch'\ntree = 'memory'\n\
         [[grants.mounts]]\nguest = '/over'\ntree.overlay.folder.host = '.'\n\
         [[grants.network.http]]\norigin = 'http://a.test'\nsent = 1000\nreceived = 1048576\nplain_secrets = true\n\
         secrets = [{ header = 'X-Key', value = 'swordfish' }]\naddresses = ['192.0.2.1', '2001:db8::1']\n",
    );
    let said = ophidia(["policy", "check"]).arg(&policy).expect_ok().stdout();
    for words in [
        "a folder in memory as /tmp/, adding at most 8192 in 3 files",
        "a folder in memory as /scratch, adding at most 64MiB in 10000 files",
        "as /over, adding at most 64MiB in 10000 files",
        "sending 1000 at most",
        "receiving 1MiB at most",
        "without TLS",
        "at 192.0.2.1, 2001:db8::1 alone",
    ] {
        assert!(said.contains(words), "{words:?} in\n{said}");
    }
    assert!(!said.contains("write to /tmp, in memory") && !said.contains("swordfish"), "{said}");
}
