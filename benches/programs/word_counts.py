"""Counting, grouping and joining words: dicts, sets, tuples as keys, Counter, defaultdict."""

from collections import Counter, defaultdict
from itertools import pairwise

N = 17
EXPECTED = 97_716


def words(count):
    state = 12345
    for _ in range(count):
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        length = 2 + (state >> 8) % 4
        yield "".join(chr(97 + (state >> shift) % 7) for shift in range(4, 4 + 3 * length, 3))


def main(n):
    text = list(words(5000))
    result = 0
    for _ in range(n):
        counts = Counter(text)
        pairs = defaultdict(int)
        for pair in pairwise(text):
            pairs[pair] += 1
        groups = {}
        for word in text:
            groups.setdefault("".join(sorted(word)), set()).add(word)
        anagrams = {key: found for key, found in groups.items() if len(found) > 1}
        common = set(counts) & {word[::-1] for word in counts}
        ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        inverted = defaultdict(list)
        for word, times in counts.items():
            inverted[times].append(word)
        result += len(pairs) + len(anagrams) + len(common) + len(inverted) + ordered[0][1]
    return result
