"""Regular expressions over made-up text: search, substitute, split, groups, alternatives."""

import re

N = 45
EXPECTED = 577_170

MAIL = re.compile(r"\b([a-z0-9._]+)@([a-z0-9-]+(?:\.[a-z]{2,})+)\b")
DATE = re.compile(r"(?P<year>\d{4})-(?P<month>0[1-9]|1[0-2])-(?P<day>[0-2]\d|3[01])")
CALL = re.compile(r"(\w+)\((?:[^()]|\([^()]*\))*\)")
WORDS = re.compile(r"[,;.]\s*|\s+")
NUMBER = re.compile(r"[-+]?(?:\d+\.\d*|\.\d+|\d+)(?:[eE][-+]?\d+)?")


def text(size):
    pieces = []
    for n in range(size):
        pieces.append(f"On {2000 + n % 40}-{n % 13:02}-{n % 32:02} user{n}@mail{n % 7}.example.org wrote,")
        pieces.append(f"compute(x{n}, f({n}.5e-{n % 9}, y), z); then   nothing happened for -{n} days.")
    return "\n".join(pieces)


def main(n):
    source = text(90)
    found = 0
    for _ in range(n):
        found += sum(len(host) for _, host in MAIL.findall(source))
        found += sum(int(match["day"]) for match in DATE.finditer(source))
        found += len(CALL.sub(lambda match: match[1].upper(), source))
        found += len(WORDS.split(source))
        found += sum(1 for number in NUMBER.findall(source) if "e" in number)
        found += len(re.findall(r"(?im)^on .*wrote,$", source))
    return found
