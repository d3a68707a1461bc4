"""Documents to JSON and back, compact and indented, with floats, escapes and nesting."""

import json

N = 100
EXPECTED = 4_162_750


def document(size):
    return {
        "title": 'Ünïcode "quoted" \\ and \n control \u0001',
        "flags": [True, False, None] * 10,
        "rows": [
            {
                "id": number,
                "name": f"name {number}",
                "ratio": number / 7,
                "tags": ["a", "bb", "ccc"][: number % 4],
                "nested": {"deep": {"deeper": [number] * 5}},
            }
            for number in range(size)
        ],
        "big": 2**70,
    }


def main(n):
    original = document(100)
    characters = 0
    for number in range(n):
        compact = json.dumps(original, separators=(",", ":"))
        pretty = json.dumps(original, indent=2, sort_keys=True, ensure_ascii=False)
        assert json.loads(compact) == json.loads(pretty)
        characters += len(compact) + len(pretty) + number
    return characters
