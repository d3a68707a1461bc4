//! Secrets that come back.

use super::*;

/// What a body comes to, in each of the three framings.
#[track_caller]
fn body(rule: impl Fn() -> Rule, body: &[u8]) -> Vec<u8> {
    let mut plain =
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
    plain.extend_from_slice(body);
    let mut until_close = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    until_close.extend_from_slice(body);
    let mut chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for byte in body {
        chunked.extend_from_slice(&[b'1', b'\r', b'\n', *byte, b'\r', b'\n']);
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    let [one, two, three] = [(plain, false), (until_close, true), (chunked, false)]
        .map(|(bytes, ends)| super::one(&bytes_of(&rule, GET, &bytes, ends).expect("passed")).body);
    assert_eq!(one, two);
    assert_eq!(one, three);
    one
}

#[track_caller]
fn is_blanked(rule: impl Fn() -> Rule, form: &str) {
    let text = body(rule, format!("a {form} b").as_bytes());
    let expected = format!("a {} b", "*".repeat(form.len()));
    assert_eq!(String::from_utf8_lossy(&text), expected, "{form}");
}

#[test]
fn each_form_is_blanked() {
    // sk-Live/51+Zx~9"q
    for form in [
        TOKEN,
        &TOKEN.to_uppercase(),
        &format!("Bearer {TOKEN}"),
        "sk-Live%2F51%2BZx~9%22q",
        "sk-Live%2f51%2bZx%7E9%22q",
        "sk-Live/51%2BZx~9%22q",
        "Bearer%20sk-Live%2F51%2BZx~9%22q",
        "Bearer+sk-Live%2F51%2BZx~9%22q",
        "%73%6b%2d%4c%69%76%65%2f%35%31%2b%5a%78%7e%39%22%71",
        "736b2d4c6976652f35312b5a787e392271",
        "736B2D4C6976652F35312B5A787E392271",
        "sk-Live/51+Zx~9\\\"q",
        "sk-Live\\/51+Zx~9\\\"q",
        "sk-Live/51+Zx~9&quot;q",
        "sk-Live/51+Zx~9&#34;q",
        "c2stTGl2ZS81MStaeH45InE=",
        "c2stTGl2ZS81MStaeH45InE",
    ] {
        is_blanked(secret, form);
    }
}

#[test]
fn base64_is_blanked_in_each_alignment() {
    // Of `x`, `xy` and `xyz` before and `~~` after: what is not shared with them.
    for (text, middle) in [
        ("eHNrLUxpdmUvNTErWnh+OSJxfn4=", "NrLUxpdmUvNTErWnh+OSJx"),
        ("eHNrLUxpdmUvNTErWnh-OSJxfn4", "NrLUxpdmUvNTErWnh-OSJx"),
        ("eHlzay1MaXZlLzUxK1p4fjkicX5+", "zay1MaXZlLzUxK1p4fjkic"),
        ("eHl6c2stTGl2ZS81MStaeH45InF+fg==", "c2stTGl2ZS81MStaeH45In"),
    ] {
        let found = String::from_utf8(body(secret, text.as_bytes())).expect("UTF-8");
        assert!(text.contains(middle));
        assert_eq!(found, text.replace(middle, &"*".repeat(middle.len())));
    }
}

/// Each of these functions writes one letter in another way.
type Spelling = (&'static str, fn(char) -> String);

const SPELLINGS: &[Spelling] = &[
    ("percent", |c| format!("%{:02X}", c as u32)),
    ("percent, twice", |c| format!("%25{:02x}", c as u32)),
    ("percent, three times", |c| format!("%2525{:02x}", c as u32)),
    ("quoted-printable", |c| format!("={:02X}", c as u32)),
    ("JSON", |c| format!("\\u{:04x}", c as u32)),
    ("JSON in JSON", |c| format!("\\\\u{:04x}", c as u32)),
    ("JavaScript", |c| format!("\\u{{{:x}}}", c as u32)),
    ("Python", |c| format!("\\U{:08X}", c as u32)),
    ("C", |c| format!("\\x{:02x}", c as u32)),
    ("octal", |c| format!("\\{:03o}", c as u32)),
    ("decimal references", |c| format!("&#{};", c as u32)),
    ("without semicolons", |c| format!("&#{}", c as u32)),
    ("with zeros", |c| format!("&#{:07};", c as u32)),
    ("hexadecimal references", |c| format!("&#x{:X};", c as u32)),
    ("references, twice", |c| format!("&amp;#{};", c as u32)),
    ("hexadecimal references, twice", |c| format!("&amp;#x{:x};", c as u32)),
    ("UTF-16", |c| format!("{c}\0")),
    ("UTF-16, the other way round", |c| format!("\0{c}")),
    ("UTF-32", |c| format!("{c}\0\0\0")),
    ("JSON in UTF-16", |c| {
        format!("\\u{:04x}", c as u32).chars().flat_map(|c| [c, '\0']).collect()
    }),
];

/// Without numbers around it, which belong to a reference without a semicolon.
#[test]
fn each_spelling_is_blanked_whole_and_letter_by_letter() {
    for (name, spell) in SPELLINGS {
        let all: String = TOKEN.chars().map(spell).collect();
        let stars: String = all.chars().map(|c| if c == '\0' { c } else { '*' }).collect();
        let found = body(secret, format!("a{all}z").as_bytes());
        assert_eq!(String::from_utf8_lossy(&found), format!("a{stars}z"), "{name}");
        if all.contains('\0') || *name == "without semicolons" {
            continue;
        }
        // Any letters alone, the others as they are.
        for some in [1_u32, 0b10_1010, 0b01_0101, 0b11_1110] {
            let mixed: String = (0..)
                .zip(TOKEN.chars())
                .map(|(at, c)| if some >> (at % 6) & 1 == 1 { spell(c) } else { c.into() })
                .collect();
            let found = body(secret, format!("a {mixed} z").as_bytes());
            assert_eq!(
                found,
                format!("a {} z", "*".repeat(mixed.len())).as_bytes(),
                "{name}: {mixed}"
            );
        }
    }
    // Each letter in another way.
    let ways =
        SPELLINGS.iter().filter(|(name, _)| !name.contains("UTF") && !name.contains("without"));
    let mixed: String = TOKEN.chars().zip(ways.cycle()).map(|(c, (_, spell))| spell(c)).collect();
    is_blanked(secret, &mixed);
}

#[test]
fn each_encoding_is_blanked_in_each_alignment() {
    let digits = |bytes: &[u8], alphabet: &[u8]| -> String {
        let bits: String = bytes.iter().map(|byte| format!("{byte:08b}")).collect();
        let width = alphabet.len().ilog2() as usize;
        let digits = bits.as_bytes().chunks(width);
        let value = |digits: &[u8]| {
            let text = format!("{:0<width$}", std::str::from_utf8(digits).expect("ASCII"));
            char::from(alphabet[usize::from_str_radix(&text, 2).expect("binary")])
        };
        digits.map(value).collect()
    };
    let wide = |text: &str| text.bytes().flat_map(|byte| [byte, 0]).collect::<Vec<_>>();
    for (name, alphabet) in [
        ("hexadecimal", &b"0123456789ABCDEF"[..]),
        ("base32", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"),
        ("base32hex", b"0123456789ABCDEFGHIJKLMNOPQRSTUV"),
        ("base64", b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"),
        ("base64url", b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
    ] {
        for before in 0..6 {
            for encode in [|text: &str| text.as_bytes().to_vec(), wide] {
                let around = ["~".repeat(before), "~~~~~".into()];
                let bytes = encode(&format!("{}{TOKEN}{}", around[0], around[1]));
                let text = digits(&bytes, alphabet);
                let found = String::from_utf8(body(secret, text.as_bytes())).expect("ASCII");
                let width = alphabet.len().ilog2() as usize;
                let [start, end] =
                    [encode(&around[0]).len(), bytes.len() - encode(&around[1]).len()];
                // Of digits that it shares with what is around it a bit or so tells nothing.
                let (start, end) = ((start * 8).div_ceil(width), end * 8 / width);
                let end = end.min(text.len()) - usize::from(bytes.len() > text.len() * 2);
                assert!(
                    found[start..end]
                        .trim_end_matches(|c| c != '*')
                        .bytes()
                        .all(|byte| byte == b'*'),
                    "{name}, {before}: {found}"
                );
                let stars = found.matches('*').count();
                assert!(
                    stars + 4 >= end - start && stars <= end - start + 1,
                    "{name}, {before}: {text} {found}"
                );
                assert_eq!(found.replace('*', "").len() + stars, text.len());
            }
        }
    }
    // At its end, padded, and spelled in its turn.
    for form in [
        "ONVS2TDJOZSS6NJRFNNHQ7RZEJYQ====",
        "onvs2tdjozss6njrfnnhq7rzejyq",
        "c2stTGl2ZS81MStaeH45InE%3D",
        "c2stTGl2ZS81MStaeH45InE\\u003d",
    ] {
        is_blanked(secret, form);
    }
}

#[test]
fn a_secret_is_blanked_in_heads_and_refusals_however_it_is_spelled() {
    let spelled: String = TOKEN.chars().map(|c| format!("%25{:02x}", c as u32)).collect();
    let response =
        format!("HTTP/1.1 302 Found\r\nLocation: /?{spelled}\r\nContent-Length: 0\r\n\r\n");
    let found = got(secret, response).expect("passed");
    assert!(found.contains(&format!("/?{}\r\n", "*".repeat(spelled.len()))), "{found}");
}

#[test]
fn spellings_of_other_texts_pass_as_they_are() {
    for text in [
        "%73%6b%2d%4c%69%76%65",
        "\\u0073\\u006b\\u002d\\ud83d\\ude00",
        "&#115;&#107;&#45;&amp;&amp;&amp;&amp;#",
        "s\0k\0-\0L\0i\0v\0e\0/\0\x35\0\x31\0",
        "sk\0-Live/51+Zx~9\"q",
        "%%%%%%%%====&&&&&&&&\\\\\\\\\\\\\\\\\\\\\\\\",
        "sk-Live/51 Zx~9\"q",
    ] {
        assert_eq!(String::from_utf8_lossy(&body(secret, text.as_bytes())), text);
    }
}

/// A secret that can be read in many ways at once does not take long.
#[test]
fn ambiguous_spellings_are_read_once() {
    let rule = || with_header("A", &"\\".repeat(16));
    let found = body(rule, "\\".repeat(501).as_bytes());
    assert_eq!(found, "*".repeat(501).as_bytes());
}

#[test]
fn passwords_that_are_not_ascii_are_blanked() {
    // someuser:pässwörd, in UTF-8 and in Latin-1
    for value in ["Basic c29tZXVzZXI6cMOkc3N3w7ZyZA==", "Basic c29tZXVzZXI6cORzc3f2cmQ="] {
        for form in [
            "p\u{e4}ssw\u{f6}rd".as_bytes(),
            b"p\xe4ssw\xf6rd",
            b"p%C3%A4ssw%C3%B6rd",
            b"p%E4ssw%F6rd",
            b"p\\u00e4ssw\\u00f6rd",
            b"p&#228;ssw&#xf6;rd",
        ] {
            let found =
                body(|| with_header("Authorization", value), &[b"a ", form, b" b"].concat());
            assert_eq!(
                found,
                [b"a ", "*".repeat(form.len()).as_bytes(), b" b"].concat(),
                "{form:?}"
            );
        }
    }
}

#[test]
fn basic_is_blanked_decoded() {
    // someuser:p&ss/w\"rd
    let basic = || with_header("Authorization", "Basic c29tZXVzZXI6cCZzcy93InJk");
    for form in [
        "Basic c29tZXVzZXI6cCZzcy93InJk",
        "c29tZXVzZXI6cCZzcy93InJk",
        "someuser:p&ss/w\"rd",
        "p&ss/w\"rd",
        "someuser",
        "p&amp;ss/w&quot;rd",
        "p%26ss%2Fw%22rd",
        "p\\u0026ss/w\\\"rd",
    ] {
        is_blanked(basic, form);
    }
    // A key as the user's name, without a password.
    is_blanked(|| with_header("Authorization", "Basic a2V5LTEyMzQ1Og=="), "key-12345");
    is_blanked(|| with_header("Cookie", "a=b; session=0123456789"), "0123456789");
}

#[test]
fn heads_are_blanked() {
    let response = format!(
        "HTTP/1.1 400 no {TOKEN}\r\nLocation: /?{TOKEN}&sk-Live%2F51%2BZx~9%22q\r\nX-abcd1234: y\r\nContent-Length: 4\r\n\r\nabcd"
    );
    let rule = || {
        let mut rule = secret();
        rule.secrets.push(SecretHeader { name: "X-Key".into(), value: "abcd1234".into() });
        rule
    };
    assert_eq!(
        got(rule, response).as_deref(),
        Ok(
            "HTTP/1.1 400 no *****************\r\nLocation: /?*****************&***********************\r\n\
            X-********: y\r\nContent-Length: 4\r\n\r\nabcd"
        )
    );
    let framing = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
    assert_eq!(got(|| with_header("X", "1000"), framing).as_deref(), Ok(framing));
}

#[test]
fn secrets_may_overlap_and_touch() {
    let both = || {
        let mut rule = with_header("A", "abcabcabx");
        rule.secrets.push(SecretHeader { name: "B".into(), value: "cabxyzw".into() });
        rule
    };
    assert_eq!(body(both, b"-abcabcabxyzw-"), b"-************-");
    assert_eq!(body(both, b"abcabcabcabxyzwabcabcab"), b"abc************abcabcab");
    assert_eq!(body(|| with_header("A", "aaaa"), b"aaaaa aaa aaaa"), b"***** aaa ****");
}

#[test]
fn bodies_without_a_secret_pass_as_they_are() {
    let all: Vec<u8> = (0..=255).chain((0..=255).rev()).collect();
    assert_eq!(body(secret, &all), all);
    let part = &TOKEN.as_bytes()[..TOKEN.len() - 1];
    assert_eq!(body(secret, part), part);
    assert_eq!(body(open, TOKEN.as_bytes()), TOKEN.as_bytes());
}

/// What of an endless body passes at once.
fn at_once(text: &str) -> usize {
    let (mut mediator, mut out) = (mediator(secret()), Vec::new());
    mediator.send(GET.as_bytes(), &mut Vec::new()).expect("granted");
    mediator.receive(b"HTTP/1.1 200 OK\r\n\r\n", &mut out).expect("passed");
    mediator.receive(text.as_bytes(), &mut out).expect("passed");
    one(&[&*out, b"0\r\n\r\n"].concat()).body.len()
}

#[test]
fn lines_and_events_pass_at_once() {
    assert_eq!(at_once("data: abc\n\n"), 11);
    assert_eq!(at_once("data: Bearer sk-\n\n"), 18);
}

#[test]
fn what_is_held_back_tells_nothing_of_the_secret() {
    let long = "x".repeat(1000);
    let guesses = ["sk-Live", "sk-Liv_", "_______"].map(|guess| at_once(&format!("{long}{guess}")));
    assert_eq!(guesses, [guesses[0]; 3]);
    // UTF-16 without its last zero, in hexadecimal, each digit in four bytes.
    let longest = 4 * 2 * (2 * (TOKEN.len() + 7) - 1);
    assert_eq!(guesses[0], 1007 - (longest - 1));
}

#[test]
fn a_cut_body_keeps_what_was_held_back() {
    let cut = format!("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}", &TOKEN[..9]);
    let (mut mediator, mut out) = (mediator(secret()), Vec::new());
    mediator.send(GET.as_bytes(), &mut Vec::new()).expect("granted");
    mediator.receive(cut.as_bytes(), &mut out).expect("passed");
    refused(mediator.ended(&mut out), Kind::Malformed, "within a response");
    assert!(!String::from_utf8_lossy(&out).contains("sk-"));
}
