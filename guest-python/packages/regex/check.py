"""What `re` has not, and the methods and tables of its classes."""

import regex

assert regex.search("(?e)(dog){e<=1}", "cat and dog")[1] == "dog"
assert regex.match(r"(?<n>\p{Lu}\w+)", "Ágnes").group("n") == "Ágnes"
assert [m.span() for m in regex.finditer(r"a+", "aa ba", overlapped=True)] == [(0, 2), (1, 2), (4, 5)]
match = regex.match(r"(?:(\w)\s?)+", "a b c")
assert match.captures(1) == ["a", "b", "c"] and match.expandf("{1[0]}") == "a"
assert match.capturesdict() == {} and match.allcaptures()[1] == ["a", "b", "c"]
pattern = regex.compile(r"(\d+)-(\d+)")
assert pattern.sub(r"\2-\1", "1-2") == "2-1" and pattern.subf("{2}", "1-2") == "2"
assert pattern.scanner("1-2").search().groups() == ("1", "2")
assert [part for part in regex.splititer(",", "a,b")] == ["a", "b"]
assert regex.fullmatch(r"(?|(a)|(b))", "b")[1] == "b" and regex.search("x", "y") is None
assert repr(pattern) and repr(match) and pattern.groups == 2 and pattern.groupindex == {}
