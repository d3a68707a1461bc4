//! Whether a version of Python is one that a specifier allows, as PEP 440 says.

use std::cmp::Ordering;

/// `None` for what is no specifier. `version` is a final one, of numbers alone.
pub(super) fn allows(specifier: &str, version: &str) -> Option<bool> {
    let have = numbers(version)?;
    let mut all = true;
    for clause in specifier.split(',').map(str::trim).filter(|clause| !clause.is_empty()) {
        all &= allows_one(clause, &have)?;
    }
    Some(all)
}

fn allows_one(clause: &str, have: &[u64]) -> Option<bool> {
    let end = clause.find(|c: char| !"<>=!~".contains(c))?;
    let (operator, wanted) = clause.split_at(end);
    let wanted = wanted.trim();
    if let Some(prefix) = wanted.strip_suffix(".*") {
        let prefix = numbers(prefix)?;
        let same = prefix.iter().enumerate().all(|(at, number)| part(have, at) == *number);
        return match operator {
            "==" => Some(same),
            "!=" => Some(!same),
            _ => None,
        };
    }
    let (wanted, is_early) = release(wanted)?;
    // A version before the final one of the same numbers is smaller.
    let order = match compare(have, &wanted) {
        Ordering::Equal if is_early => Ordering::Greater,
        order => order,
    };
    match operator {
        "==" | "===" => Some(order.is_eq()),
        "!=" => Some(order.is_ne()),
        ">=" => Some(order.is_ge()),
        "<=" => Some(order.is_le()),
        ">" => Some(order.is_gt()),
        "<" => Some(order.is_lt()),
        "~=" => {
            let prefix = wanted.split_last().filter(|(_, prefix)| !prefix.is_empty())?.1;
            let same = prefix.iter().enumerate().all(|(at, number)| part(have, at) == *number);
            Some(order.is_ge() && same)
        }
        _ => None,
    }
}

/// The numbers of a version, and whether it comes before the final one: `3.14.0rc1`, `3.15.0.dev0`.
fn release(version: &str) -> Option<(Vec<u64>, bool)> {
    let end = version.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(version.len());
    let (release, rest) = version.split_at(end);
    let rest = rest.trim_end_matches(|c: char| c.is_ascii_digit());
    match rest {
        "" => Some((numbers(release)?, false)),
        "a" | "b" | "rc" | "dev" => Some((numbers(release.trim_end_matches('.'))?, true)),
        _ => None,
    }
}

fn numbers(version: &str) -> Option<Vec<u64>> {
    version.split('.').map(|part| part.parse().ok()).collect()
}

fn part(version: &[u64], at: usize) -> u64 {
    version.get(at).copied().unwrap_or_default()
}

fn compare(one: &[u64], other: &[u64]) -> Ordering {
    let parts = 0..one.len().max(other.len());
    parts
        .map(|at| part(one, at).cmp(&part(other, at)))
        .find(|it| it.is_ne())
        .unwrap_or(Ordering::Equal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specifiers_are_understood() {
        for good in [
            "",
            ">=3",
            ">=3.11",
            ">= 3.11, <4",
            "==3.13.*",
            "==3.13.5",
            "~=3.11",
            "~=3.13.1",
            "!=3.12.*",
            "<3.14",
            "<=3.13.5",
            ">3.13.4",
            ">=3.13.5rc1",
            "<3.14.0a1",
            "!=3.13.5rc1",
            "===3.13.5",
        ] {
            assert_eq!(allows(good, "3.13.5"), Some(true), "{good}");
        }
        for bad in [
            ">=3.14",
            "<3.13",
            "==3.12.*",
            "~=3.12.0",
            "!=3.13.*",
            ">=3.11,<3.13",
            ">3.13.5",
            "<3.13.5",
            "==3.13",
            "<=3.13",
            ">=3.14.0.dev0",
        ] {
            assert_eq!(allows(bad, "3.13.5"), Some(false), "{bad}");
        }
        for none in ["3.13", "three", ">=", "=>3", ">=3.x", "~=3", ">=3.*", ">=3.13.post1", "==*"] {
            assert_eq!(allows(none, "3.13.5"), None, "{none}");
        }
    }
}
