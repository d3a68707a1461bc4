"""The classes in C, and that they read and write as those in Python do."""

import yaml

assert yaml.__with_libyaml__
text = """
- &a {name: Ada, born: 1815-12-10, n: [1, 2.5, 0x10, ~]}
- *a
- |
  two
  lines
- !!binary aGVsbG8=
"""
fast, slow = yaml.load(text, yaml.CSafeLoader), yaml.load(text, yaml.SafeLoader)
assert fast == slow and fast[0] is fast[1] and fast[3] == b"hello"
assert yaml.load(yaml.dump(fast, Dumper=yaml.CSafeDumper), yaml.CSafeLoader) == fast
assert [type(event).__name__ for event in yaml.parse("a: 1", Loader=yaml.CLoader)][2] == "MappingStartEvent"
try:
    yaml.load("a: [1", yaml.CSafeLoader)
except yaml.YAMLError as error:
    assert "line 1" in str(error), error
else:
    raise AssertionError("a mistake was taken")
