"""Pickle and deep copies of object graphs, by the accelerated pickler and the pure-Python one."""

import copy
import io
import pickle
import sys
import types
from datetime import date, timedelta

N = 12
EXPECTED = 71_292


class Node:
    def __init__(self, name, day):
        self.name = name
        self.day = day
        self.children = []
        self.parent = None

    def add(self, child):
        child.parent = self
        self.children.append(child)
        return child


def family(depth, width, day=date(2024, 2, 27)):
    node = Node(f"node {depth}", day)
    if depth:
        for number in range(width):
            node.add(family(depth - 1, width, day + timedelta(days=number)))
    return node


def count(node):
    return 1 + node.day.day + sum(count(child) for child in node.children)


def slow_dumps(value):
    file = io.BytesIO()
    pickle._Pickler(file, protocol=4).dump(value)
    return file.getvalue()


def main(n):
    # Pickle finds a class by its module and name: keep Node findable however this file is run.
    module = sys.modules.setdefault(Node.__module__, types.ModuleType(Node.__module__))
    module.Node = Node
    tree = family(4, 4)
    plain = {"rows": [(i, float(i), str(i), {i: [i] * 3}) for i in range(300)]}
    total = 0
    for _ in range(n):
        for protocol in (2, 5):
            total += count(pickle.loads(pickle.dumps(tree, protocol)))
        assert pickle.loads(slow_dumps(plain)) == plain
        total += count(copy.deepcopy(tree.children[0]))
    return total
