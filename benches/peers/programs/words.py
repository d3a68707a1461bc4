"""Strings and dicts: words are made, counted, joined into a text and read back from it."""


def main() -> int:
    state = 12345
    counts: dict[str, int] = {}
    for _ in range(20_000):
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        word = "".join([chr(97 + (state >> shift) % 7) for shift in (4, 9, 14, 19)])
        counts[word] = counts.get(word, 0) + 1
    text = ",".join([f"{word}={count}" for word, count in sorted(counts.items())])
    read: dict[str, int] = {}
    for entry in text.split(","):
        word, count = entry.split("=")
        read[word.upper()[::-1]] = int(count)
    return len(text) + sum(read.values()) + sum([1 for word in read if word.startswith("A")])
