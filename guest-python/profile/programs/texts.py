# Strings, bytes, formatting, parsing, regular expressions, and the library's text modules.
import ast, base64, binascii, collections, configparser, csv, difflib, hashlib, html, io, json, logging, re
import shlex, string, struct, textwrap, tokenize, unicodedata, zlib
from html.parser import HTMLParser
from xml.etree import ElementTree

TEXT = """It was late in the year when the caravan, forty camels and a mule, came down to the river. Nobody had expected
water there: the maps said "sand", and the guide (an old man of few words) had agreed with the maps. 'So,' he said, 'so.'
They filled 120 skins, traded 7.5 bolts of cloth for 33 fish at two coppers each, and wrote to info@river.example about it.
""" * 8

TOKEN = re.compile(r"\s*(?:(?P<num>\d+(?:\.\d*)?)|(?P<name>[A-Za-z_]\w*)|(?P<op>[-+*/()=^,<>]))")

class Parser:
    def __init__(self, source, names):
        self.tokens = [(m.lastgroup, m.group(m.lastgroup)) for m in TOKEN.finditer(source)]
        self.at, self.names = 0, names
    def peek(self):
        return self.tokens[self.at] if self.at < len(self.tokens) else (None, None)
    def next(self):
        token = self.peek()
        self.at += 1
        return token
    def sum(self):
        value = self.product()
        while self.peek()[1] in ("+", "-"):
            if self.next()[1] == "+":
                value = value + self.product()
            else:
                value = value - self.product()
        return value
    def product(self):
        value = self.atom()
        while self.peek()[1] in ("*", "/"):
            op = self.next()[1]
            other = self.atom()
            value = value * other if op == "*" else value / other
        return value
    def atom(self):
        kind, text = self.next()
        if kind == "num":
            return float(text) if "." in text else int(text)
        if kind == "name":
            return self.names[text]
        if text == "-":
            return -self.atom()
        if text == "(":
            value = self.sum()
            self.next()
            return value
        raise SyntaxError(text)

def edit_distance(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))
    return row[-1]

def caesar(text, k):
    out = []
    for ch in text:
        if ch.islower():
            out.append(chr((ord(ch) - 97 + k) % 26 + 97))
        elif ch.isupper():
            out.append(chr((ord(ch) - 65 + k) % 26 + 65))
        else:
            out.append(ch)
    return "".join(out)

def lz(data):
    table, out, current = {bytes([i]): i for i in range(256)}, [], b""
    for i in range(len(data)):
        longer = current + data[i:i + 1]
        if longer in table:
            current = longer
        else:
            out.append(table[current])
            table[longer] = len(table)
            current = data[i:i + 1]
    return out

def brain(program, steps):
    tape, p, i, jumps, stack, out = [0] * 100, 0, 0, {}, [], []
    for k, c in enumerate(program):
        if c == "[":
            stack.append(k)
        elif c == "]":
            j = stack.pop()
            jumps[j], jumps[k] = k, j
    while i < len(program) and steps:
        match program[i]:
            case "+": tape[p] = (tape[p] + 1) % 256
            case "-": tape[p] = (tape[p] - 1) % 256
            case ">": p += 1
            case "<": p -= 1
            case ".": out.append(chr(tape[p]))
            case "[":
                if not tape[p]: i = jumps[i]
            case "]":
                if tape[p]: i = jumps[i]
        i += 1
        steps -= 1
    return "".join(out)

def shape(x):
    match x:
        case {"kind": "circle", "r": r}: return 3.14 * r * r
        case {"kind": "box", "size": [w, h]}: return w * h
        case [first, *rest]: return shape(first) + len(rest)
        case str(s) if s: return len(s)
        case int() | float(): return x
        case None: return 0
        case _: return -1

class Links(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []
    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
    def handle_data(self, data):
        self.found.append(data.strip())

def main():
    names = {"x": 3, "yy": 4.5, "z1": 7}
    for i in range(160):
        Parser(f"(x + {i}) * yy - 12.5 / (z1 + 1) * -(2 + x*x) + {i}*z1", names).sum()
    words = TEXT.split()
    freq = collections.Counter(w.strip('.,:"\'()').lower() for w in words)
    sorted(freq.items(), key=lambda item: (-item[1], item[0]))
    for a, b in zip(words[:60], words[20:80]):
        edit_distance(a, b)
    caesar(TEXT, 3), TEXT.translate(str.maketrans("aeiou", "12345")), TEXT.upper().swapcase().title()
    lz(TEXT.encode()), zlib.decompress(zlib.compress(TEXT.encode())), hashlib.sha256(TEXT.encode()).hexdigest(), binascii.crc32(TEXT.encode())
    brain("+++++[>++++[>+++++>++>+<<<-]>>>[<+>-]<[<+<+>>-]<<<-]>>-----.>++[<+>-]<[>+<-]>.", 6000)
    for line in TEXT.splitlines():
        line.strip().replace("the", "a").partition(" "), line.find("river"), "sand" in line, line.startswith("It"), line.rsplit(" ", 2), line[::-1], line[5:20], line.count("e"), line.center(90), line.zfill(5), line == TEXT, line < "N", hash(line), line.encode("utf-8").decode(), line.isdigit()
        for k, ch in enumerate(line):
            if ch in string.ascii_letters and ch != "z" or k > 1000:
                pass
    s = ""
    for i in range(1500):
        s += str(i)
        "%s-%d-%5.2f" % (i, i, i / 7), f"{i:>8}|{i:x}|{i / 3:.3f}|{s[-3:]!r}", "{0}:{name}".format(i, name="n"), repr(s[-4:]), ",".join(("a", "b", str(i)))
        int("12345"), float("1.5e3"), ord("x"), chr(i), str(i / 7)
    pattern = re.compile(r"(\w+)@(\w+)\.(\w+)|\b\d+(?:\.\d+)?\b|\"([^\"]*)\"|^\s*#.*$", re.M)
    for _ in range(6):
        pattern.findall(TEXT), re.sub(r"\b(\w)(\w*)\b", lambda m: m[1].upper() + m[2], TEXT), re.split(r"[,.;:]\s*", TEXT), re.search("coppers.*about", TEXT), re.findall(r"(?i)th[ae]\w*", TEXT), re.match(r"(?:a|b|It)+\s", TEXT)
    [shape(x) for x in ({"kind": "circle", "r": 2}, {"kind": "box", "size": [2, 3]}, ["ab", 1, 2], 5, 2.5, None, b"", "") * 120]
    rows = [{"id": i, "name": f"n{i}", "ok": i % 2 == 0, "score": i / 9, "tags": ["a", "ü", None]} for i in range(150)]
    json.loads(json.dumps(rows, indent=1)), json.loads(json.dumps({"k": rows}, sort_keys=True, separators=(",", ":")))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, ["id", "name", "score"], extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    list(csv.DictReader(io.StringIO(buffer.getvalue())))
    config = configparser.ConfigParser()
    config.read_string("\n".join(f"[s{i}]\na = {i}\nb = %(a)s x\n" for i in range(40)))
    [config["s3"]["b"], config.getint("s4", "a")]
    textwrap.fill(TEXT, 60), shlex.split("a 'b c' \"d e\" f\\ g"), html.escape(TEXT), base64.b64encode(TEXT.encode()), string.Template("$a $b").substitute(a=1, b=2)
    list(difflib.unified_diff(words[:150], words[30:190])), difflib.SequenceMatcher(None, TEXT[:150], TEXT[40:220]).ratio()
    source = open(__file__).read()
    tree = ast.parse(source)
    ast.unparse(tree), sum(1 for _ in ast.walk(tree)), compile(source, "x", "exec")
    list(tokenize.generate_tokens(io.StringIO(source[:source.index("def main")]).readline))
    links = Links()
    links.feed("<p class=a>text <a href='x?y&amp;z'>link</a><br/></p>" * 60)
    root = ElementTree.fromstring("<r>" + "".join(f"<i n='{i}'><b>t{i}</b></i>" for i in range(200)) + "</r>")
    [e.find("b").text for e in root.iter("i") if e.get("n")], ElementTree.tostring(root)
    for i in range(900):
        struct.unpack("<IHbd", struct.pack("<IHbd", i, i, 1, i / 3))
    view = memoryview(bytearray(range(256)) * 8)
    sum(view[::3]), bytes(view[5:90]).hex(), [b ^ 0x55 for b in view[:600]], int.from_bytes(view[:9], "big")
    log = logging.getLogger("t")
    log.addHandler(logging.StreamHandler(io.StringIO()))
    for i in range(300):
        log.warning("value %s of %d", "x", i)
        log.debug("never %s", i)
    [unicodedata.normalize("NFD", "Ünïcödé ﬁ"), "ß".casefold(), "日本語テキスト".encode("utf-16"), "é€😀".encode().decode()]
    out = io.StringIO()
    for i in range(900):
        print(i, "item", i / 2, sep=";", file=out)

for _ in range(12):
    main()
