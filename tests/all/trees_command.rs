//! Files of the command: in, out, and how much of it.

use crate::support::ophidia;
use crate::trees::folder;
use std::fs;

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
    // A copy hides no device.
    let copy = format!("{}::/dev/null", input.display());
    let refused = ophidia(["run", "--file", &copy, "-c", ""]).expect_status(2);
    refused.stderr_has("--file: /dev/null would hide /dev");
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
