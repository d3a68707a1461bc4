//! Erlang beside it, where `erl` and `erlc` are installed (Debian's `erlang-base`).

use anyhow::{Context as _, Result, ensure};
use std::collections::BTreeMap;
use std::process::{Command, Stdio};

const PROGRAM: &str = include_str!("bench.erl");

/// Seconds of each piece of work, by its name; None without Erlang.
pub(super) fn seconds() -> Result<Option<BTreeMap<String, f64>>> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("bench.erl"), PROGRAM)?;
    let compiler = Command::new("erlc").arg("bench.erl").current_dir(folder.path()).status();
    if !compiler.is_ok_and(|status| status.success()) {
        super::note("no Erlang beside it: erlc is not installed (Debian's erlang-base has it)");
        return Ok(None);
    }
    let output = Command::new("erl")
        .args(["-noshell", "+P", "2000000", "-s", "bench", "main"])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()
        .context("erl")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let line = |line: &str| {
        let (name, seconds) = line.split_once(' ').context("a name and its seconds")?;
        Ok((name.to_owned(), seconds.parse()?))
    };
    text.lines().map(line).collect::<Result<_>>().map(Some)
}
