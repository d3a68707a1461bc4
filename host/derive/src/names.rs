//! `rename_all`: the names of fields and variants, written another way.

/// How names are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    Lower,
    Upper,
    Pascal,
    Camel,
    Snake,
    ScreamingSnake,
    Kebab,
    ScreamingKebab,
}

/// How a word is written.
type Case = fn(&str) -> String;

impl Rule {
    const ALL: [(&'static str, Self); 8] = [
        ("lowercase", Self::Lower),
        ("UPPERCASE", Self::Upper),
        ("PascalCase", Self::Pascal),
        ("camelCase", Self::Camel),
        ("snake_case", Self::Snake),
        ("SCREAMING_SNAKE_CASE", Self::ScreamingSnake),
        ("kebab-case", Self::Kebab),
        ("SCREAMING-KEBAB-CASE", Self::ScreamingKebab),
    ];

    /// The rule of this name, or what there is instead.
    pub(crate) fn named(name: &str) -> Result<Self, String> {
        let known = Self::ALL.iter().find(|(known, _)| *known == name);
        known.map(|(_, rule)| *rule).ok_or_else(|| {
            let all: Vec<_> = Self::ALL.iter().map(|(name, _)| format!("\"{name}\"")).collect();
            format!("no such way to write names; there is {}", all.join(", "))
        })
    }

    /// The name, which is in snake case or Pascal case, written this way.
    pub(crate) fn apply(self, name: &str) -> String {
        let words = words(name);
        let (between, first, others): (_, Case, Case) = match self {
            Self::Lower => ("", lower, lower),
            Self::Upper => ("", upper, upper),
            Self::Pascal => ("", capital, capital),
            Self::Camel => ("", lower, capital),
            Self::Snake => ("_", lower, lower),
            Self::ScreamingSnake => ("_", upper, upper),
            Self::Kebab => ("-", lower, lower),
            Self::ScreamingKebab => ("-", upper, upper),
        };
        let written: Vec<_> = words
            .iter()
            .enumerate()
            .map(|(i, word)| if i == 0 { first(word) } else { others(word) })
            .collect();
        written.join(between)
    }
}

fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for letter in name.chars() {
        let empty = words.last().is_none_or(String::is_empty);
        if !empty && (letter == '_' || letter.is_uppercase()) {
            words.push(String::new());
        }
        if letter != '_'
            && let Some(word) = words.last_mut()
        {
            word.push(letter);
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn lower(word: &str) -> String {
    word.to_lowercase()
}

fn upper(word: &str) -> String {
    word.to_uppercase()
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().collect::<String>() + letters.as_str())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_every_way() {
        let all = |name: &str| Rule::ALL.map(|(_, rule)| rule.apply(name));
        let expected = [
            "httpstatus",
            "HTTPSTATUS",
            "HttpStatus",
            "httpStatus",
            "http_status",
            "HTTP_STATUS",
            "http-status",
            "HTTP-STATUS",
        ];
        assert_eq!(all("HttpStatus"), expected);
        assert_eq!(all("http_status"), expected);
        assert_eq!(Rule::Camel.apply("_x__y_"), "xY");
        assert!(Rule::named("Snake_Case").is_err_and(|said| said.contains("\"snake_case\"")));
    }
}
