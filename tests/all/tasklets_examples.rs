//! Every example of `examples/tasklets`: what it prints, with arguments that keep it short.

use crate::support::{ophidia, repository};
use std::collections::BTreeSet;
use std::fs;

/// The script, its arguments, and what it prints.
const EXAMPLES: &[(&str, &[&str], &str)] = &[
    (
        "universal_server.py",
        &[],
        "5! = 120\n50! = 30414093201713378043612608166064768844377641568960512000000000000\n",
    ),
    (
        "crazy_server.py",
        &[],
        "loud: HELLO, JOE\nbackwards: ekim ,olleh\ntitle: Hello, Robert\nloud: SYSTEM WORKING?\n\
         after 9999 more: loud: AGAIN\n",
    ),
    (
        "log_info.py",
        &[],
        "1 INFO hello world 0\n2 INFO hello world 1\n3 INFO hello world 2\n('logged', 3)\n",
    ),
    ("ring.py", &["1000", "10"], "1000 tasklets, 10 rounds: 10000 messages\n"),
    ("ping_pong.py", &["2"], "pong 0\npong 1\npong finished\n2 times\n"),
    ("ping_pong.py", &["10000"], "pong 9999\npong finished\n10000 times\n"),
    ("million.py", &[], "1000000 are alive\ntheir sum: 499999500000\n0 are left\n"),
    (
        "supervised.py",
        &[],
        "a 1 2\nb 1 2\nc 1 2\na ended: cannot explode\nstarted again: a\n\
         b ended: cannot explode\nstarted again: b, c\na 1\nb 1\nc 1\n",
    ),
];

#[test]
fn each_prints_what_it_says() {
    for (file, arguments, expected) in EXAMPLES {
        let script = repository().join("examples/tasklets").join(file);
        let run = ophidia(["run", "--memory", "2GiB"]).arg(script).args(*arguments);
        let ended = run.expect_status(0);
        assert_eq!(ended.stderr(), "", "{file}");
        ended.stdout_is(*expected);
    }
}

#[test]
fn none_is_left_out() {
    let folder = fs::read_dir(repository().join("examples/tasklets")).expect("the folder");
    let found: BTreeSet<String> = folder
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a plain name"))
        .collect();
    let listed = EXAMPLES.iter().map(|(file, ..)| (*file).to_owned()).collect();
    assert_eq!(found, listed);
}
