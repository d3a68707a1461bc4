//! What packages are asked for: words, files as pip has them, lists of scripts. What would make pip build something,
//! or fetch from where nobody said, is refused by its line.

use crate::Usage;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Requirements, ready for pip: a line each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Requirements {
    /// Lines for pip itself: `--index-url URL`.
    options: Vec<String>,
    /// A name, and which versions of it.
    lines: Vec<String>,
}

/// Files that name one another end somewhere.
const DEEPEST: usize = 10;

/// Options of a file that pip may see.
const OPTIONS: &[&str] = &[
    "-i",
    "--index-url",
    "--extra-index-url",
    "--no-index",
    "--pre",
    "--prefer-binary",
    "--require-hashes",
    "--trusted-host",
];

/// Endings by which pip takes a name for a file.
const ARCHIVES: &[&str] =
    &[".whl", ".zip", ".tar", ".tgz", ".tbz", ".txz", ".tlz", ".gz", ".bz2", ".xz", ".lz", ".lzma"];

impl Requirements {
    /// Of the words of a command line.
    pub(crate) fn of_words(words: &[String]) -> Result<Self, Usage> {
        words.iter().try_fold(Self::default(), |mut all, word| {
            all.push(word.trim()).map_err(|reason| Usage(format!("{word}: {reason}")))?;
            Ok(all)
        })
    }

    /// Of a script, which may not say where they come from.
    pub(crate) fn of_script(name: &str, words: &[String]) -> Result<Self, Usage> {
        for word in words {
            if word.contains(['@', '$']) {
                return Err(Usage(format!(
                    "{name}: dependencies: {word:?}: a script names packages of the index and no addresses"
                )));
            }
        }
        Self::of_words(words)
            .map_err(|Usage(reason)| Usage(format!("{name}: dependencies: {reason}")))
    }

    /// Of a file in pip's format.
    pub(crate) fn read(file: &Path) -> Result<Self, Usage> {
        let mut all = Self::default();
        all.read_below(file, DEEPEST)?;
        Ok(all)
    }

    fn read_below(&mut self, file: &Path, depth: usize) -> Result<(), Usage> {
        let refused = |reason: &str| Usage(format!("{}: {reason}", file.display()));
        let text = fs::read_to_string(file).map_err(|error| {
            refused(&format!("{error}: name a file of requirements that can be read"))
        })?;
        let folder = file.parent().unwrap_or(Path::new("."));
        for (number, line) in logical_lines(&text) {
            let refused = |reason: String| refused(&format!("line {number}: {line}: {reason}"));
            let (option, value) = split_option(&line);
            match option {
                "-r" | "--requirement" if depth == 0 || value.contains("://") => {
                    return Err(refused(
                        "files of requirements are read to a depth of ten, from disk".into(),
                    ));
                }
                "-r" | "--requirement" => self.read_below(&folder.join(value), depth - 1)?,
                "-f" | "--find-links" => {
                    let below = folder.join(value);
                    let place = match std::path::absolute(&below) {
                        Ok(place) if below.exists() => place.display().to_string(),
                        _ => value.to_owned(),
                    };
                    self.options.push(format!("--find-links {place}"));
                }
                // True of all that is done here.
                "--only-binary" => {}
                option if OPTIONS.contains(&option) => self.options.push(line.clone()),
                "" => self.push(&line).map_err(refused)?,
                _ => return Err(refused(no_option(option))),
            }
        }
        Ok(())
    }

    /// One more, of this text.
    fn push(&mut self, text: &str) -> Result<(), String> {
        check(text)?;
        if !self.lines.iter().any(|line| line == text) {
            self.lines.push(text.to_owned());
        }
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// With others, which take the place of those that have the same names.
    pub(crate) fn with(mut self, others: Self) -> Self {
        let new = others.names();
        self.lines.retain(|line| !new.contains(&normal(name(line))));
        self.lines.extend(others.lines);
        let added = others.options.into_iter().filter(|option| !self.options.contains(option));
        let added: Vec<String> = added.collect();
        self.options.extend(added);
        self
    }

    /// The packages that are asked for.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        self.lines.iter().map(|line| normal(name(line))).collect()
    }

    /// The same, with what is asked of each, but not its hashes.
    pub(crate) fn shown(&self) -> String {
        let plain = self.lines.iter().map(|line| line.split(" --hash").next().unwrap_or(line));
        plain.collect::<Vec<_>>().join(", ")
    }

    /// Lines for pip itself.
    pub(super) fn options(&self) -> &[String] {
        &self.options
    }

    /// A name, and which versions of it, in each.
    pub(super) fn lines(&self) -> &[String] {
        &self.lines
    }

    /// As a file in pip's format.
    pub(crate) fn text(&self) -> String {
        self.options.iter().chain(&self.lines).map(|line| format!("{line}\n")).collect()
    }

    /// An option that holds a name and a password: it would be kept where the guest can read it.
    pub(crate) fn secret(&self) -> Option<&str> {
        let secret = |option: &&String| {
            let address = option.split_once("://").map(|(_, address)| address);
            address.and_then(|it| it.split('/').next()).is_some_and(|host| host.contains('@'))
        };
        self.options.iter().chain(&self.lines).find(secret).map(|line| name_of_option(line))
    }
}

/// The word that an option begins with.
fn name_of_option(line: &str) -> &str {
    line.split([' ', '=']).next().unwrap_or(line)
}

/// Why pip is not given a file's option.
fn no_option(option: &str) -> String {
    let reason = match option {
        "-c" | "--constraint" => "constraints are pip's own setting here: PIP_CONSTRAINT=FILE",
        "-e" | "--editable" | "--no-binary" => "it would be built, and only wheels are taken",
        _ => {
            "no option that is known here: give it to pip as a variable PIP_… or in its configuration"
        }
    };
    reason.to_owned()
}

/// An option and its value; a line that is none has no option.
fn split_option(line: &str) -> (&str, &str) {
    if !line.starts_with('-') {
        return ("", line);
    }
    let short = ["-r", "-f", "-c", "-e", "-i"].iter().find(|short| line.starts_with(**short));
    let end = match short {
        Some(short) if !line.starts_with("--") => short.len(),
        _ => line.find([' ', '=']).unwrap_or(line.len()),
    };
    let (option, value) = line.split_at(end);
    (option, value.trim_start_matches(['=', ' ']).trim())
}

/// Lines without comments, those that end with `\` joined with the next; each with its number.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (at, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let goes_on = line.ends_with('\\') && !line.trim_start().starts_with('#');
        let (number, mut joined) = open.take().unwrap_or((at + 1, String::new()));
        joined.push_str(line.trim_end_matches('\\'));
        if goes_on {
            joined.push(' ');
            open = Some((number, joined));
        } else {
            found.push((number, joined));
        }
    }
    found.extend(open);
    let plain = |(number, line): (usize, String)| {
        let begins = |at: &usize| {
            let before = line.get(..*at).unwrap_or_default();
            before.is_empty() || before.ends_with(char::is_whitespace)
        };
        let end = line.match_indices('#').map(|(at, _)| at).find(begins);
        let line = line.get(..end.unwrap_or(line.len())).unwrap_or_default();
        let words: Vec<&str> = line.split_whitespace().collect();
        (!words.is_empty()).then(|| (number, words.join(" ")))
    };
    found.into_iter().filter_map(plain).collect()
}

/// The name that a requirement begins with.
fn name(requirement: &str) -> &str {
    let end = requirement.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c)));
    requirement.get(..end.unwrap_or(requirement.len())).unwrap_or_default()
}

/// A name as pip compares it.
pub(crate) fn normal(name: &str) -> String {
    let words = name.split(['-', '_', '.']).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_ascii_lowercase()
}

/// Whether pip will look for a wheel of that name, and do nothing else.
fn check(text: &str) -> Result<(), String> {
    if text.contains(char::is_control) || text.contains('\\') {
        return Err("a line break, a tab or a backslash has no place in it".into());
    }
    let name = name(text);
    let rest = text.get(name.len()..).unwrap_or_default().trim_start();
    let rest = match rest.strip_prefix('[') {
        Some(extras) => extras.split_once(']').map(|(_, rest)| rest.trim_start()),
        None => Some(rest),
    };
    let is_name = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    let is_file = ARCHIVES.iter().any(|ending| name.to_ascii_lowercase().ends_with(ending));
    let Some(rest) = rest.filter(|rest| {
        let goes_on = rest.starts_with(['<', '>', '=', '!', '~', ';', '@', '(']);
        is_name && !is_file && (rest.is_empty() || goes_on || rest.starts_with("--hash"))
    }) else {
        return Err("give packages by their names, such as jinja2 or 'rich>=13'".into());
    };
    if text.split(' ').any(|word| word.starts_with('-') && !word.starts_with("--hash")) {
        return Err("no option but --hash stands behind a package".into());
    }
    if let Some(address) = rest.strip_prefix('@') {
        let address = address.trim_start().split([' ', ';', '#', '?']).next().unwrap_or_default();
        let known = ["https://", "http://", "file://"].iter().any(|it| address.starts_with(it));
        if !known || !address.ends_with(".whl") {
            return Err("the address of a wheel is needed: others would be built, and only wheels are taken".into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_are_names_and_what_would_be_built_is_refused() {
        for good in [
            "jinja2",
            "rich>=13,<15",
            "uvicorn [standard] >= 0.1",
            "a.b_c-d; python_version > '3'",
            "x (>=1)",
            "x==1 --hash=sha256:00 --hash=sha256:11",
            "x @ https://example.com/x-1-py3-none-any.whl#sha256=00",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "-e .",
            ".",
            "./x",
            "/x",
            "x/y",
            "x.whl",
            "x-1.tar.gz",
            "git+https://example.com/x",
            "https://example.com/x-1-py3-none-any.whl",
            "x @ git+https://example.com/x",
            "x @ https://example.com/x-1.tar.gz",
            "x @ ../x.whl",
            "x --global-option=y",
            "x; python_version > '3' --config-settings a=b",
            "x\n--index-url https://example.com",
            "x\\",
            "x[a",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn files_are_read_as_pip_reads_them() {
        let made = tempfile::tempdir().expect("a folder");
        let write =
            |name: &str, text: &str| fs::write(made.path().join(name), text).expect("a file");
        write(
            "all.txt",
            "# a comment\r\n-r more.txt\nx==1 \\\n    --hash=sha256:00 \\\n    --hash=sha256:11  # why\n\n--only-binary=:all:\n-f wheels\n-i https://example.com/simple # y\n",
        );
        write("more.txt", "y#z\ny\ny\n");
        fs::create_dir(made.path().join("wheels")).expect("a folder");
        let read = |name: &str| Requirements::read(&made.path().join(name));
        let Err(Usage(reason)) = read("all.txt") else { panic!("y#z is no name") };
        assert!(reason.contains("more.txt: line 1: y#z"), "{reason}");
        write("more.txt", "y\ny\n");
        let all = read("all.txt").expect("they are good");
        assert_eq!(all.lines, ["y", "x==1 --hash=sha256:00 --hash=sha256:11"]);
        let wheels = made.path().join("wheels").display().to_string();
        let options =
            [format!("--find-links {wheels}"), "-i https://example.com/simple".to_owned()];
        assert_eq!(all.options, options);
        assert_eq!((all.shown(), all.secret()), ("y, x==1".to_owned(), None));
        for bad in
            ["-e .", "--no-binary x", "-c other.txt", "-r https://example.com/x", "-r all2.txt"]
        {
            write("all2.txt", bad);
            assert!(read("all2.txt").is_err(), "{bad}");
        }
        write("all2.txt", "--index-url=https://me:secret@example.com/simple\nx");
        assert_eq!(read("all2.txt").expect("good").secret(), Some("--index-url"));
    }

    #[test]
    fn what_is_asked_again_takes_the_place_of_what_was_asked() {
        let of = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
            Requirements::of_words(&words).expect("good")
        };
        let all = of(&["Jinja2", "rich"]).with(of(&["jinja2<3", "x"]));
        assert_eq!(all.text(), "rich\njinja2<3\nx\n");
        assert_eq!(normal("Zope._-Interface"), "zope-interface");
        let script = ["x @ https://example.com/x-1-py3-none-any.whl".to_owned()];
        assert!(Requirements::of_script("s.py", &script).is_err());
    }
}
