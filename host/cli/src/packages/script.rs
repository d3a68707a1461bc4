//! What a script says of itself: inline script metadata, as PEP 723 has it.

use super::specifier;
use crate::Usage;
use ophidia_guest::PYTHON;
use serde::Deserialize;

/// The block of type `script`. What tools have in it besides is theirs.
#[derive(Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
struct Metadata {
    requires_python: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

/// The packages that a script depends on; none where it says nothing.
pub(super) fn dependencies(name: &str, source: &[u8]) -> Result<Vec<String>, Usage> {
    let text = String::from_utf8_lossy(source).replace("\r\n", "\n");
    let refused = |reason: String| Usage(format!("{name}: {reason}"));
    let mut blocks = blocks(&text).into_iter().filter(|block| block.kind == "script");
    let Some(block) = blocks.next() else { return Ok(Vec::new()) };
    if let Some(second) = blocks.next() {
        return Err(refused(format!(
            "line {}: a second block `# /// script`, after that of line {}: leave one of them",
            second.line, block.line
        )));
    }
    let metadata: Metadata = toml::from_str(&block.content).map_err(|error| {
        let before = error.span().and_then(|span| block.content.get(..span.start));
        let line = block.line + 1 + before.unwrap_or_default().matches('\n').count();
        refused(format!("line {line}: in the block `# /// script`: {}", error.message()))
    })?;
    if let Some(wanted) = &metadata.requires_python {
        match specifier::allows(wanted, PYTHON) {
            Some(true) => {}
            Some(false) => {
                return Err(refused(format!(
                    "requires-python is {wanted:?}, and the guest is Python {PYTHON}"
                )));
            }
            None => {
                return Err(refused(format!(
                    "requires-python: {wanted:?} says nothing of versions: such as \">=3.11\" does"
                )));
            }
        }
    }
    Ok(metadata.dependencies)
}

/// A block of comments that is for tools.
#[derive(Debug, PartialEq, Eq)]
struct Block<'a> {
    kind: &'a str,
    /// Where it begins, from 1.
    line: usize,
    content: String,
}

/// All blocks. The same as the regular expression of the PEP finds: a block goes on to the last `# ///` of its
/// run of comments, and one without it is none.
fn blocks(text: &str) -> Vec<Block<'_>> {
    let lines: Vec<&str> = text.trim_start_matches('\u{feff}').split('\n').collect();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        at += 1;
        let Some(kind) = kind(line) else { continue };
        let run = lines.iter().skip(at).take_while(|line| **line == "#" || line.starts_with("# "));
        let run: Vec<&str> = run.copied().collect();
        let Some(end) = run.iter().rposition(|line| *line == "# ///").filter(|end| *end > 0) else {
            continue;
        };
        let plain = |line: &&str| {
            let content = line.strip_prefix("# ").or(line.strip_prefix('#')).unwrap_or_default();
            format!("{content}\n")
        };
        let content = run.iter().take(end).map(plain).collect();
        found.push(Block { kind, line: at, content });
        at += end + 1;
    }
    found
}

/// The type of the block that a line begins.
fn kind(line: &str) -> Option<&str> {
    let kind = line.strip_prefix("# /// ")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    (!kind.is_empty() && kind.chars().all(plain)).then_some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        match dependencies("s.py", text.as_bytes()) {
            Err(Usage(reason)) => reason,
            Ok(found) => panic!("{text}: {found:?}"),
        }
    }

    #[test]
    fn dependencies_are_those_of_the_block() {
        let text = "#!/usr/bin/env python\n# /// script\n# requires-python = \">=3.11\"\n# dependencies = [\n\
                    #   \"requests<3\",\n#\n#   \"rich\",\n# ]\n# [tool.x]\n# y = 1\n# ///\nimport rich\n";
        let found = dependencies("s.py", text.as_bytes()).expect("it is good");
        assert_eq!(found, ["requests<3", "rich"]);
        let windows = text.replace('\n', "\r\n");
        assert_eq!(dependencies("s.py", windows.as_bytes()).expect("good"), found);
        for nothing in [
            "",
            "print(1)",
            "# /// script\n# ///\n",
            "# /// script\n# dependencies = [\"x\"]\n",
            "# /// script\n# dependencies = [\"x\"]\n\n# ///\n",
            "# /// script\n#dependencies = [\"x\"]\n# ///\n",
            "## /// script\n# dependencies = [\"x\"]\n# ///\n",
            "# /// script \n# dependencies = [\"x\"]\n# ///\n",
            "# /// other\n# dependencies = [\"x\"]\n# ///\n",
            "# /// script\n# requires-python = \"==3.*\"\n# ///",
        ] {
            assert_eq!(
                dependencies("s.py", nothing.as_bytes()).expect("good"),
                [""; 0],
                "{nothing}"
            );
        }
    }

    #[test]
    fn a_block_goes_on_to_the_last_end_of_its_comments() {
        let text = "# /// some-toml\n# a = \"\"\"\n# /// <summary>\n# /// text\n# ///\n# /// </summary>\n\
                    # b\n# \"\"\"\n# ///\n\n# /// script\n# x = 1\n# ///\n";
        let found = blocks(text);
        let kinds: Vec<_> = found.iter().map(|block| (block.kind, block.line)).collect();
        assert_eq!(kinds, [("some-toml", 1), ("script", 11)]);
        let content = found.first().map(|block| block.content.as_str());
        let expected = "a = \"\"\"\n/// <summary>\n/// text\n///\n/// </summary>\nb\n\"\"\"\n";
        assert_eq!(content, Some(expected));
    }

    #[test]
    fn what_is_wrong_is_told_by_its_line() {
        let twice = "# /// script\n# x = 1\n# ///\n\n# /// script\n# y = 1\n# ///\n";
        assert!(refusal(twice).contains("line 5: a second block"), "{}", refusal(twice));
        let malformed = "\n# /// script\n# x = 1\n# dependencies = [\n# ///\n";
        assert!(refusal(malformed).starts_with("s.py: line "), "{}", refusal(malformed));
        let words = refusal("\n# /// script\n# x = 1\n# dependencies = 5\n# ///\n");
        assert!(words.starts_with("s.py: line 4: in the block"), "{words}");
        let old = refusal("# /// script\n# requires-python = \"<3\"\n# ///\n");
        assert!(old.contains("\"<3\"") && old.contains(PYTHON), "{old}");
        let none = refusal("# /// script\n# requires-python = \"three\"\n# ///\n");
        assert!(none.contains("says nothing of versions"), "{none}");
    }
}
