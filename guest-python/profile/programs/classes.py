# Classes, attributes, calls of all kinds, properties, dataclasses, exceptions, context managers.
import abc, contextlib, copy, enum, functools, operator, weakref
from dataclasses import dataclass, field
from typing import NamedTuple

class Shape(abc.ABC):
    count = 0
    def __init__(self, name):
        self.name = name
        Shape.count += 1
    @abc.abstractmethod
    def area(self): ...
    def describe(self, *, unit="m"):
        return f"{self.name}: {self.area():.2f} {unit}"
    @classmethod
    def make(cls, *args, **kwargs):
        return cls(*args, **kwargs)
    @staticmethod
    def double(x):
        return x * 2

class Rect(Shape):
    def __init__(self, w, h=2):
        super().__init__("rect")
        self.w, self.h = w, h
    def area(self):
        return self.w * self.h
    @property
    def perimeter(self):
        return 2 * (self.w + self.h)
    @perimeter.setter
    def perimeter(self, value):
        self.w = value / 2 - self.h

class Square(Rect):
    def __init__(self, w):
        super().__init__(w, w)
        self.name = "square"
    def area(self):
        return super().area()

class Money:
    __slots__ = ("cents", "currency")
    def __init__(self, cents, currency="EUR"):
        self.cents = cents
        self.currency = currency
    def __add__(self, other):
        if not isinstance(other, Money):
            return NotImplemented
        return Money(self.cents + other.cents, self.currency)
    def __radd__(self, other):
        return self if other == 0 else NotImplemented
    def __mul__(self, n):
        return Money(self.cents * n, self.currency)
    def __eq__(self, other):
        return self.cents == other.cents and self.currency == other.currency
    def __lt__(self, other):
        return self.cents < other.cents
    def __hash__(self):
        return hash((self.cents, self.currency))
    def __repr__(self):
        return f"Money({self.cents!r}, {self.currency!r})"
    def __bool__(self):
        return self.cents != 0

@dataclass(order=True)
class Item:
    price: int
    title: str = field(compare=False)
    tags: list = field(default_factory=list, compare=False)

@dataclass(frozen=True, slots=True)
class Point:
    x: int
    y: int
    def moved(self, dx, dy):
        return Point(self.x + dx, self.y + dy)

class Pair(NamedTuple):
    left: object
    right: object

class Colour(enum.Enum):
    RED = 1
    GREEN = 2
    BLUE = 3

class Level(enum.IntFlag):
    A = 1
    B = 2
    C = 4

class Account:
    def __init__(self, owner):
        self.owner, self.balance, self.log = owner, 0, []
    def deposit(self, amount):
        if amount <= 0:
            raise ValueError("not positive", amount)
        self.balance += amount
        self.log.append(("deposit", amount))
        return self
    def withdraw(self, amount):
        if amount > self.balance:
            raise OverdraftError(self, amount)
        self.balance -= amount
        self.log.append(("withdraw", amount))
        return self

class OverdraftError(Exception):
    def __init__(self, account, amount):
        super().__init__(f"{account.owner} lacks {amount - account.balance}")

class Matrix:
    def __init__(self, rows):
        self.rows = rows
    def __getitem__(self, key):
        i, j = key
        return self.rows[i][j]
    def __setitem__(self, key, value):
        i, j = key
        self.rows[i][j] = value
    def __len__(self):
        return len(self.rows)
    def __iter__(self):
        return iter(self.rows)
    def __contains__(self, x):
        return any(x in row for row in self.rows)
    def __call__(self, f):
        return Matrix([[f(x) for x in row] for row in self.rows])

class Lazy:
    def __getattr__(self, name):
        if name.startswith("x"):
            value = len(name)
            setattr(self, name, value)
            return value
        raise AttributeError(name)

class Typed:
    def __set_name__(self, owner, name):
        self.name = "_" + name
    def __get__(self, obj, owner=None):
        return self if obj is None else obj.__dict__.get(self.name, 0)
    def __set__(self, obj, value):
        if type(value) is not int:
            raise TypeError(self.name)
        obj.__dict__[self.name] = value

class Holder:
    size = Typed()
    weight = Typed()

class Node:
    def __init__(self, key):
        self.key, self.left, self.right, self.parent = key, None, None, None
    def insert(self, key):
        node = self
        while True:
            if key < node.key:
                if node.left is None:
                    node.left = Node(key)
                    node.left.parent = node
                    return
                node = node.left
            elif key > node.key:
                if node.right is None:
                    node.right = Node(key)
                    node.right.parent = node
                    return
                node = node.right
            else:
                return
    def walk(self):
        if self.left:
            yield from self.left.walk()
        yield self.key
        if self.right:
            yield from self.right.walk()
    def depth(self):
        return 1 + max(self.left.depth() if self.left else 0, self.right.depth() if self.right else 0)

def positional(a, b, c=3, *rest, d=4, e=5, **more):
    return a + b + c + len(rest) + d + e + len(more)

def counter():
    n = 0
    def up(by=1):
        nonlocal n
        n += by
        return n
    return up

@functools.lru_cache(maxsize=None)
def ways(n, k):
    return 1 if n == 0 else 0 if n < 0 or k == 0 else ways(n - k, k) + ways(n, k - 1)

def traced(f):
    @functools.wraps(f)
    def wrapper(*args, **kwargs):
        return f(*args, **kwargs)
    return wrapper

@traced
def add3(a, b, c=0):
    return a + b + c

@contextlib.contextmanager
def scope(stack, name):
    stack.append(name)
    try:
        yield name
    finally:
        stack.pop()

class Guard:
    def __enter__(self):
        return self
    def __exit__(self, kind, value, tb):
        return kind is KeyError

GLOBAL = 0

def bump(n):
    global GLOBAL
    for _ in range(n):
        GLOBAL += 1
    return GLOBAL

def main():
    shapes = [Rect.make(i, h=i + 1) if i % 2 else Square.make(i) for i in range(1500)]
    total = sum(s.area() for s in shapes)
    [s.describe(unit="cm") for s in shapes[:600]]
    for s in shapes:
        s.perimeter = s.perimeter + 2
        if isinstance(s, Square):
            total += Shape.double(s.w)
    purse = sum([Money(i % 91) for i in range(1500)])
    sorted(Money(i * 7919 % 1009) for i in range(900))
    len({Money(i % 40) for i in range(900)}), repr(purse), bool(purse), purse * 3 == purse
    items = sorted(Item(i * 31 % 101, f"t{i}") for i in range(500))
    for item in items:
        item.tags.append(item.title)
    p = Point(0, 0)
    seen = set()
    for i in range(1500):
        p = p.moved(i % 3 - 1, i % 5 - 2)
        seen.add(p)
    pairs = [Pair(i, str(i)) for i in range(800)]
    sum(q.left for q in pairs), [a for a, b in pairs if b.endswith("7")]
    for i in range(800):
        Colour(i % 3 + 1) is Colour.RED, Colour["BLUE"].value, Level.A | Level.C
    account = Account("eve")
    failures = 0
    for i in range(2500):
        try:
            if i % 3:
                account.deposit(i % 7)
            else:
                account.withdraw(i % 11)
        except ValueError as error:
            failures += error.args[1] == 0
        except OverdraftError as error:
            failures += len(str(error)) > 3
        finally:
            failures += 0
    m = Matrix([[i * j for i in range(30)] for j in range(30)])
    for i in range(len(m)):
        for j in range(30):
            m[i, j] += m[j, i]
    m(lambda x: x + 1), 77 in m, [sum(row) for row in m]
    for i in range(300):
        lazy = Lazy()
        lazy.xa + lazy.xbc + lazy.xa
        hasattr(lazy, "nothing")
        getattr(lazy, "other", None)
        holder = Holder()
        holder.size = i
        holder.weight = holder.size + 1
        with contextlib.suppress(TypeError):
            holder.size = "x"
    root = Node(500)
    x = 1
    for i in range(1500):
        x = x * 1103515245 + 12345 & 0x7FFFFFFF
        root.insert(x % 5000)
    list(root.walk()), root.depth()
    args, kw = (1, 2, 3), {"d": 1, "z": 2}
    up = counter()
    for i in range(2500):
        positional(1, i)
        positional(*args, **kw)
        positional(1, 2, 3, 4, 5, e=6)
        up(), up(2), up(by=3)
        add3(1, 2, c=i)
    ways(80, 30)
    stack = []
    for i in range(1000):
        with scope(stack, i):
            pass
        with Guard() as g:
            {}["missing"]
    functools.reduce(operator.mul, range(1, 40)), functools.partial(add3, 1)(2)
    copy.deepcopy([{"a": [1, 2, (3, {4, 5})]} for _ in range(80)]), copy.copy(shapes)
    refs = [weakref.ref(s) for s in shapes[:200]]
    sum(r() is not None for r in refs)
    bump(8000)
    cycle = []
    for _ in range(2000):
        a, b = Account("a"), Account("b")
        a.other, b.other = b, a
    type("T", (Shape,), {"area": lambda self: 1})("t").area()

for _ in range(12):
    main()
