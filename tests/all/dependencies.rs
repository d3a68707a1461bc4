//! What a service compiles that depends on `ophidia` alone.

use std::process::Command;

use crate::support::repository;

/// The crates that a crate of the workspace links, with default features.
fn linked(package: &str) -> Vec<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "tree",
            "--offline",
            "--locked",
            "-e",
            "normal",
            "--prefix",
            "none",
            "-f",
            "{p}",
            "-p",
            package,
        ])
        .current_dir(repository())
        .output()
        .expect("cargo");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let name = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
    String::from_utf8_lossy(&output.stdout).lines().map(name).collect()
}

/// What the recipe unpacks, patches and checks with.
const RECIPE: [&str; 6] = ["ar", "diffy", "flate2", "lzma-rust2", "tar", "zip"];

/// What the command talks to its user with.
const COMMAND: [&str; 5] = ["clap", "humantime", "indicatif", "rustyline", "signal-hook"];

#[test]
fn the_library_links_neither_the_recipe_nor_the_command() {
    let library = linked("ophidia");
    assert!(library.iter().any(|name| name == "ophidia-guest"), "{library:?}");
    for name in RECIPE.iter().chain(&COMMAND) {
        assert!(!library.iter().any(|linked| linked == name), "{name} is linked");
    }
}

#[test]
fn the_command_links_both() {
    let command = linked("ophidia-cli");
    for name in RECIPE.iter().chain(&COMMAND) {
        assert!(command.iter().any(|linked| linked == name), "{name} is not linked");
    }
}
