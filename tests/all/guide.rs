//! The README and the guide in `docs/`: every page is listed and tested, links lead somewhere, and console
//! blocks show what the command prints.
//!
//! A console block whose lines begin with `$ ` is run by a shell, one shell a page, in an empty folder.
//! Lines up to the next `$ ` are all that it prints, both streams together; `…` stands for anything. A Python
//! block that opens with `# name.py` is a file of that name in the folder.
//!
//! The programs in Rust are documentation tests: `host/src/guide.rs`.

use crate::support::{command, nats_program, repository};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

/// The README may have this many lines: five minutes.
const README_LINES: usize = 200;

/// The text of a file of the repository.
fn read(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The chapters, as paths from the repository's root.
fn chapters() -> Vec<String> {
    let entries = fs::read_dir(repository().join("docs/src")).expect("the guide");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let mut found: Vec<_> = names
        .map(|name| format!("docs/src/{}", name.into_string().expect("plain names")))
        .filter(|path| path.ends_with(".md") && !path.ends_with("/SUMMARY.md"))
        .collect();
    found.sort();
    assert!(found.len() > 15, "{found:?}");
    found
}

#[test]
fn the_readme_is_read_in_five_minutes() {
    let text = read("README.md");
    let lines = text.lines().count();
    assert!(lines <= README_LINES, "{lines} lines: the guide in docs/ takes what is more");
    let block = text.split("```").nth(1).expect("a block");
    let commands: Vec<_> = block.lines().skip(1).collect();
    assert!(commands[0].starts_with("cargo run --release -- run examples/hello.py"), "{block}");
    assert!(commands[1].starts_with(".ci/run") && commands.len() == 2, "{block}");
}

#[test]
fn every_chapter_is_in_the_table_of_contents_and_among_the_tests() {
    let (summary, tested) = (read("docs/src/SUMMARY.md"), read("host/src/guide.rs"));
    let listed = links(&summary).len();
    let chapters = chapters();
    assert_eq!(listed, chapters.len(), "SUMMARY.md lists each chapter once");
    for path in &chapters {
        let name = path.rsplit('/').next().expect("a name");
        assert!(summary.contains(&format!("({name})")), "SUMMARY.md does not list {name}");
    }
    for path in chapters.iter().map(String::as_str).chain(["README.md"]) {
        assert!(tested.contains(&format!("\"{path}\",")), "host/src/guide.rs does not test {path}");
    }
}

#[test]
fn links_lead_somewhere() {
    let chapters = chapters();
    let pages = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "docs/src/SUMMARY.md"];
    let (mut followed, mut anchored) = (0, 0);
    for page in pages.into_iter().chain(chapters.iter().map(String::as_str)) {
        let folder = repository().join(page);
        let folder = folder.parent().expect("a folder");
        for link in links(&read(page)) {
            if link.contains("://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if file.is_empty() { repository().join(page) } else { folder.join(file) };
            assert!(target.exists(), "{page}: {link} leads nowhere");
            let found = anchor.is_empty() || anchors(&target).iter().any(|have| have == anchor);
            assert!(found, "{page}: {link}: no such heading");
            followed += 1;
            anchored += usize::from(!anchor.is_empty());
        }
    }
    assert!(followed > 50 && anchored > 5, "only {followed} links, {anchored} to headings");
}

/// Where the links of a text lead, those in code left out.
fn links(text: &str) -> Vec<String> {
    let prose: String = blocks(text)
        .into_iter()
        .filter_map(|(kind, text)| kind.is_none().then_some(text))
        .collect();
    let prose: String = prose.split('`').step_by(2).collect();
    let ends = prose.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    ends.map(|(link, _)| link.to_owned()).collect()
}

/// The anchors of a page's headings, as GitHub and mdBook make them.
fn anchors(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).expect("a page");
    let headings = text.lines().filter_map(|line| line.strip_prefix('#'));
    let words = headings.map(|line| line.trim_start_matches('#').trim().to_lowercase());
    let kept = |c: char| match c {
        ' ' => Some('-'),
        c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
        _ => None,
    };
    words.map(|heading| heading.chars().filter_map(kept).collect()).collect()
}

/// The fenced blocks of a text with what stands behind the fence, and with `None` what lies between.
fn blocks(text: &str) -> Vec<(Option<&str>, String)> {
    let mut found = vec![(None, String::new())];
    for line in text.split_inclusive('\n') {
        let fence = line.trim_start().strip_prefix("```");
        match (fence, found.last_mut().expect("never empty")) {
            (Some(_), (Some(_), _)) => found.push((None, String::new())),
            (Some(kind), (None, _)) => found.push((Some(kind.trim()), String::new())),
            (None, (_, text)) => text.push_str(line),
        }
    }
    found
}

#[test]
fn console_blocks_show_what_the_command_prints() {
    let mut pages = chapters();
    pages.push("README.md".into());
    let run: usize = pages.iter().map(|page| run_console_blocks(page)).sum();
    assert!(run >= 10, "only {run} commands");
}

/// Runs a page's console blocks; gives how many commands that were.
#[track_caller]
fn run_console_blocks(page: &str) -> usize {
    let text = read(page);
    let made = tempfile::tempdir().expect("a folder");
    let work = made.path().join("work");
    let programs = made.path().join("bin");
    for folder in [&work, &programs] {
        fs::create_dir(folder).expect("a folder");
    }
    symlink(command(), programs.join("ophidia")).expect("a link");
    if text.contains("$ nats-server ") {
        symlink(nats_program(), programs.join("nats-server")).expect("a link");
    }
    let mut shell = Vec::new();
    let mut expected: Vec<(String, String)> = Vec::new();
    for (kind, text) in blocks(&text) {
        let first = text.lines().next().unwrap_or_default();
        match kind {
            Some("python") if first.starts_with("# ") && first.ends_with(".py") => {
                fs::write(work.join(&first[2..]), text).expect("written");
            }
            Some("console") => {
                for line in text.lines() {
                    match (line.strip_prefix("$ "), expected.last_mut()) {
                        (Some(line), _) => {
                            shell.push(line.to_owned());
                            expected.push((line.to_owned(), String::new()));
                        }
                        (None, Some((_, printed))) => *printed += &format!("{line}\n"),
                        (None, None) => panic!("{page}: {line:?} before any command"),
                    }
                }
            }
            _ => {}
        }
    }
    let mut wrong = String::new();
    for ((line, expected), printed) in expected.iter().zip(printed(&shell, &work, &programs)) {
        if !fits(&printed, expected) {
            wrong += &format!("$ {line}\nprints\n{printed}\ninstead of\n{expected}\n");
        }
    }
    assert!(wrong.is_empty(), "{page}:\n{wrong}");
    expected.len()
}

/// What each command prints, run one after the other by one shell.
fn printed(commands: &[String], folder: &Path, programs: &Path) -> Vec<String> {
    if commands.is_empty() {
        return Vec::new();
    }
    let mut script = String::from("exec 2>&1\n");
    for command in commands {
        // Between two commands a mark, past which the status goes on.
        script += &format!("{command}\n{{ status=$?; printf '\\036'; (exit $status); }}\n");
    }
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Command::new("sh")
        .args(["-c", &script])
        .current_dir(folder)
        .env("PATH", format!("{}:{path}", programs.display()))
        .env("LANG", "C.UTF-8")
        .stdin(Stdio::null())
        .output()
        .expect("a shell");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let parts: Vec<_> = text.split_terminator('\u{1e}').map(str::to_owned).collect();
    assert_eq!(parts.len(), commands.len(), "{text}");
    parts
}

/// Whether a text is the expected one, in which `…` stands for anything.
fn fits(text: &str, expected: &str) -> bool {
    let mut parts = expected.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.is_empty()
}

#[test]
fn an_ellipsis_stands_for_anything() {
    assert!(fits("a b c", "a…c") && fits("a", "a") && fits("{1, 2, 3}", "{1…2…}"));
    assert!(
        !fits("a b c", "a…b") && !fits("ab", "a") && !fits("ab", "b…") && !fits("abc", "a…d…c")
    );
}
