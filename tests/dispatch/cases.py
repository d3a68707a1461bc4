"""Tests of `dispatch`: run in the guest, by `tests/all/dispatch.rs`."""

import abc
import collections
import collections.abc
import dataclasses
import enum
import gc
import inspect
import re
import sys
import traceback
import weakref
from types import FunctionType, NoneType

from ophidia import dispatch
from ophidia.dispatch import Protocol, arities, extend, extend_for_all_subclasses, extenders, satisfies


def refused(call, *arguments, **keywords) -> str:
    """The message of the TypeError that a call raises."""
    try:
        call(*arguments, **keywords)
    except TypeError as error:
        return str(error)
    raise AssertionError("no TypeError was raised")


def countable():
    """A new protocol for each test."""

    class Countable(Protocol):
        """What has a number of parts."""

        def count(self):
            """The number of parts."""

        def is_empty(self): ...

    return Countable


# --- arities -----------------------------------------------------------------------------------


@arities
class add:
    """The sum of its arguments."""

    def invoke0():
        return 0

    def invoke1(a):
        return a

    def invoke2(a, b):
        return a + b

    def invoke_rest(a, b, *rest):
        return add(add.invoke2(a, b), *rest)


def test_an_arity_is_chosen_by_the_number_of_arguments():
    assert [add(), add(1), add(1, 2), add(1, 2, 3), add(1, 2, 3, 4, 5)] == [0, 1, 3, 6, 15]
    assert [add(None), add(False)] == [None, False]
    assert add(*range(100)) == 4950


def test_arities_are_plain_functions():
    assert all(type(function) is FunctionType for function in (add, add.invoke0, add.invoke2, add.invoke_rest))
    assert add.invoke2(1, 2) == 3
    assert refused(add.invoke2, 1).startswith("add.invoke2() missing 1 required positional argument")
    assert not hasattr(add, "invoke3")


def test_a_function_of_arities_looks_like_its_class():
    assert (add.__name__, add.__qualname__, add.__module__) == ("add", "add", __name__)
    assert add.__doc__ == "The sum of its arguments."
    assert str(inspect.signature(add)) == "(a0=<absent>, a1=<absent>, /, *rest)"


def test_a_number_of_arguments_without_arity_is_named_in_the_error():
    @arities
    class one_or_three:
        def invoke1(a):
            return 1

        def invoke3(a, b, c):
            return 3

    name = one_or_three.__qualname__
    assert [one_or_three(0), one_or_three(0, 0, 0)] == [1, 3]
    assert refused(one_or_three) == f"{name}() takes 1 or 3 arguments, 0 given"
    assert refused(one_or_three, 1, 2) == f"{name}() takes 1 or 3 arguments, 2 given"
    assert refused(one_or_three, 1, 2, 3, 4, 5) == f"{name}() takes 1 or 3 arguments, 5 given"
    assert "unexpected keyword argument 'a'" in refused(one_or_three, a=1)

    @arities
    class one:
        def invoke1(a): ...

    assert refused(one).endswith("one() takes 1 argument, 0 given")

    @arities
    class some:
        def invoke0(): ...
        def invoke1(a): ...
        def invoke_rest(a, b, c, *rest):
            return rest

    assert refused(some, 1, 2).endswith("some() takes 0, 1, 3 or more arguments, 2 given")
    assert some(1, 2, 3) == () and some(1, 2, 3, 4) == (4,)


def test_arities_of_none_and_of_any_number():
    @arities
    class nothing:
        def invoke0():
            return "nothing"

    @arities
    class anything:
        def invoke_rest(*rest):
            return rest

    assert nothing() == "nothing" and refused(nothing, 1).endswith("nothing() takes 0 arguments, 1 given")
    assert anything() == () and anything(1, 2) == (1, 2)


def test_a_fixed_arity_goes_before_the_variadic_one():
    @arities
    class which:
        def invoke2(a, b):
            return "two"

        def invoke_rest(a, b, *rest):
            return "more"

    assert [which(1, 2), which(1, 2, 3)] == ["two", "more"]


def test_arities_are_methods_of_a_class():
    class Counter:
        @arities
        class total:
            def invoke1(self):
                return self.start

            def invoke2(self, more):
                return self.start + more

        def __init__(self, start):
            self.start = start

    assert Counter(3).total() == 3 and Counter(3).total(4) == 7
    assert Counter.total.invoke2(Counter(1), 1) == 2


def test_names_of_arities_do_not_clash_with_what_is_generated():
    for name in ("refuse", "absent", "rest", "a0", "invoke1"):
        body = {"invoke1": lambda a: a, "invoke2": lambda a, b: b, "__qualname__": name}
        function = arities(type(name, (), body))
        assert function(1) == 1 and function(1, 2) == 2
        assert refused(function, 1, 2, 3) == f"{name}() takes 1 or 2 arguments, 3 given"


def test_arities_that_are_none_are_refused():
    def made(**body):
        return refused(arities, type("f", (), body))

    assert made() == "f has no arity (define invoke0, invoke1, ... or invoke_rest)"
    assert made(invoke=lambda: 0).startswith("f.invoke is no arity")
    assert made(invoke01=lambda a: 0).startswith("f.invoke01 is no arity")
    assert made(invoke1=1).startswith("f.invoke1 is no arity")
    assert made(invoke1=lambda a, b: 0).endswith("has 2 parameters, its name says 1")
    assert made(invoke1=lambda a=1: 0).endswith("other parameters than positional ones without defaults")
    assert made(invoke1=lambda *a: 0).endswith("other parameters than positional ones without defaults")
    assert made(invoke1=lambda a, *, b: 0).endswith("other parameters than positional ones without defaults")
    assert made(invoke_rest=lambda a: 0).endswith("does not end in *rest")
    assert made(invoke_rest=lambda: 0).endswith("does not end in *rest")
    assert made(invoke_rest=lambda a, *rest: 0, invoke2=lambda a, b: 0).endswith(
        "requires 1 arguments, at least 2 needed (invoke2)"
    )


def test_errors_of_an_arity_are_its_own():
    @arities
    class fails:
        def invoke1(a):
            return a.missing

    try:
        fails(1)
    except AttributeError as error:
        assert [frame.name for frame in traceback.extract_tb(error.__traceback__)][1:] == ["fails", "invoke1"]


# --- protocols: which implementation -----------------------------------------------------------


def test_a_user_class_and_built_in_types_are_extended():
    Countable = countable()

    class Stack:
        def __init__(self, *items):
            self.items = items

    extend(Stack, Countable, count=lambda stack: len(stack.items))
    for cls in (str, list, dict):
        extend(cls, Countable, count=len)
    extend(int, Countable, count=int.bit_count)
    extend(NoneType, Countable, count=lambda none: 0)
    count = Countable.count
    assert [count(Stack(1, 2)), count("abc"), count([1]), count({}), count(7), count(None)] == [
        2,
        3,
        1,
        0,
        3,
        0,
    ]


def test_subclasses_are_included_and_a_nearer_class_goes_first():
    Countable = countable()

    class Base: ...

    class Middle(Base): ...

    class Late(Middle): ...

    extend(Base, Countable, count=lambda x: "base")
    extend(list, Countable, count=lambda x: "list")
    count = Countable.count

    class Names(list): ...

    assert [count(Base()), count(Late()), count(Names()), count([])] == ["base", "base", "list", "list"]
    extend(Middle, Countable, count=lambda x: "middle")
    extend(Names, Countable, count=lambda x: "names")
    assert [count(Base()), count(Late()), count(Names()), count([])] == ["base", "middle", "names", "list"]
    extend(Base, Countable, count=lambda x: "base again")
    extend(list, Countable, count=lambda x: "list again")
    assert [count(Base()), count(Late()), count(Names()), count([])] == [
        "base again",
        "middle",
        "names",
        "list again",
    ]

    class Later(Late): ...

    assert count(Later()) == "middle"


def test_a_built_in_subclass_of_a_built_in_type():
    Countable = countable()
    extend(int, Countable, count=lambda x: "int")
    assert Countable.count(True) == "int"
    extend(bool, Countable, count=lambda x: "bool")
    extend(int, Countable, count=lambda x: "int again")
    assert [Countable.count(True), Countable.count(1)] == ["bool", "int again"]


def test_what_was_missing_or_a_default_is_found_after_an_extension():
    Countable = countable()
    assert "no implementation" in refused(Countable.count, 1)
    extend(object, Countable, count=lambda x: "default")
    assert Countable.count(1) == "default"
    extend(int, Countable, count=lambda x: "int")
    assert [Countable.count(1), Countable.count(True), Countable.count("")] == ["int", "int", "default"]


def test_the_default_is_the_extension_of_object():
    Countable = countable()

    class Thing: ...

    extend(object, Countable, count=lambda x: 1)
    assert [Countable.count(value) for value in (Thing(), None, int, object())] == [1, 1, 1, 1]
    assert "is_empty" in refused(Countable.is_empty, None)


def test_diamonds_follow_the_mro():
    Countable = countable()

    class Top: ...

    class Left(Top): ...

    class Right(Top): ...

    class Bottom(Left, Right): ...

    extend(Top, Countable, count=lambda x: "top")
    extend(Right, Countable, count=lambda x: "right")
    assert Countable.count(Bottom()) == "right"
    extend(Left, Countable, count=lambda x: "left")
    assert Countable.count(Bottom()) == "left"

    class Mixed(Right, dict): ...

    extend(dict, Countable, count=lambda x: "dict")
    assert Countable.count(Mixed()) == "right"


def test_a_built_in_base_before_a_user_class_in_the_mro():
    Countable = countable()

    class Mixin: ...

    class Both(dict, Mixin): ...

    extend(Mixin, Countable, count=lambda x: "mixin")
    extend(dict, Countable, count=lambda x: "dict")
    assert Countable.count(Both()) == "dict"


def test_type_objects_as_first_argument():
    Countable = countable()

    class Meta(type): ...

    class Plain: ...

    class Made(metaclass=Meta): ...

    extend(Plain, Countable, count=lambda x: "an instance of Plain")
    extend(Made, Countable, count=lambda x: "an instance of Made")
    assert refused(Countable.count, Plain).startswith(
        f"{Countable.__qualname__}.count: no implementation for type "
    )
    extend(type, Countable, count=lambda x: "a type")
    assert [Countable.count(value) for value in (Plain, int, type, Made)] == ["a type"] * 4
    extend(Meta, Countable, count=lambda x: "a type made by Meta")
    assert Countable.count(Made) == "a type made by Meta"
    assert [Countable.count(Made()), Countable.count(Plain())] == [
        "an instance of Made",
        "an instance of Plain",
    ]

    class Unextended(metaclass=Meta): ...

    assert "no implementation" in refused(Countable.count, Unextended())


def test_only_the_type_is_looked_at():
    Countable = countable()

    class Answers:
        def __getattr__(self, name):
            return lambda *arguments: "fooled"

        __class__ = str

    class AnsweringMeta(type):
        def __getattr__(cls, name):
            return lambda *arguments: "fooled"

    class Made(metaclass=AnsweringMeta): ...

    extend(str, Countable, count=lambda x: "str")
    for value in (Answers(), Made()):
        assert "no implementation" in refused(Countable.count, value)
        extend(type(value), Countable, count=lambda x: "ok")
        assert Countable.count(value) == "ok"
        value.__dict__.update(vars(type(value)))
        value.__dict__.update({name: lambda *arguments: "fooled" for name in vars(type(value))})
        assert Countable.count(value) == "ok"


def test_classes_of_every_kind():
    Countable = countable()

    class Slotted:
        __slots__ = ("x",)

    class Frozen(type):
        def __setattr__(cls, name, value):
            raise AttributeError("frozen")

    class Sealed(metaclass=Frozen): ...

    class Colour(enum.Enum):
        RED = 1

    class Point(collections.namedtuple("Point", "x y")): ...

    class Falsy(type):
        def __len__(cls):
            return 0

    class Empty(metaclass=Falsy): ...

    values = (
        Slotted(),
        Sealed(),
        Colour.RED,
        Point(1, 2),
        re.compile(""),
        Empty(),
        1j,
        len,
        iter([]),
        Countable,
        ...,
    )
    for value in values:
        extend(type(value), Countable, count=lambda x: type(x).__name__, is_empty=bool)
    for value in values:
        assert Countable.count(value) == type(value).__name__ and satisfies(Countable, value)
    assert list(Colour) == [Colour.RED]


def test_a_copied_class_keeps_its_extension():
    Countable = countable()

    class Plain:
        x: int = 0

    extend(Plain, Countable, count=lambda x: 1)
    copied = dataclasses.dataclass(slots=True)(Plain)
    assert copied is not Plain and Countable.count(copied()) == 1


def test_an_implementation_can_be_any_callable():
    Countable = countable()

    class Never:
        def __call__(self, x):
            return "called"

        def __bool__(self):
            return False

    class Plain: ...

    for cls in (Plain, int):
        extend(cls, Countable, count=Never())
        assert Countable.count(cls()) == "called"
        extend(cls, Countable, count=type)
        assert Countable.count(cls()) is cls
        extend(cls, Countable, count=staticmethod(lambda x: "static"))
        assert Countable.count(cls()) == "static"


# --- abstract classes --------------------------------------------------------------------------


def test_extend_follows_real_subclasses_of_an_abstract_class_only():
    Countable = countable()

    class Real(collections.abc.Sized):
        def __len__(self):
            return 5

    extend(collections.abc.Sized, Countable, count=len)
    assert Countable.count(Real()) == 5
    assert "no implementation" in refused(Countable.count, [])


def test_extend_for_all_subclasses_includes_virtual_ones():
    Countable = countable()

    Shape = abc.ABCMeta("Shape", (), {})

    class Square: ...

    class Circle: ...

    Shape.register(Square)
    extend_for_all_subclasses(Shape, Countable, count=lambda x: "shape")
    extend_for_all_subclasses(collections.abc.Sized, Countable, count=len)
    assert [Countable.count(value) for value in (Square(), [1], "ab", {1, 2, 3})] == ["shape", 1, 2, 3]
    assert "no implementation" in refused(Countable.count, Circle())
    Shape.register(Circle)
    assert Countable.count(Circle()) == "shape"
    extend(Shape, Countable, count=lambda x: "shape again")
    assert Countable.count(Square()) == "shape again"


def test_virtual_subclasses_come_after_the_mro_and_before_object():
    Countable = countable()

    class Names(list): ...

    extend(object, Countable, count=lambda x: "object")
    extend_for_all_subclasses(collections.abc.Sized, Countable, count=lambda x: "sized")
    assert [Countable.count(value) for value in (Names(), [], 1)] == ["sized", "sized", "object"]
    extend(list, Countable, count=lambda x: "list")
    assert [Countable.count(value) for value in (Names(), [], ())] == ["list", "list", "sized"]


def test_of_several_abstract_classes_the_most_specific_counts():
    Countable = countable()
    for cls in (collections.abc.Sized, collections.abc.Sequence, collections.abc.Collection):
        extend_for_all_subclasses(cls, Countable, count=lambda x, cls=cls: cls.__name__)
    assert [Countable.count(value) for value in ([], set())] == ["Sequence", "Collection"]


def test_abstract_classes_equally_near_are_refused():
    Countable = countable()

    One = abc.ABCMeta("One", (), {})
    Two = abc.ABCMeta("Two", (), {})

    @One.register
    @Two.register
    class Both: ...

    extend_for_all_subclasses(One, Countable, count=lambda x: 1, is_empty=bool)
    extend_for_all_subclasses(Two, Countable, count=lambda x: 2)
    message = refused(Countable.count, Both())
    assert "One and " in message and "Two are equally near to" in message
    assert message.endswith(f"(extend({Both.__qualname__}, {Countable.__qualname__}, count=...) decides)")
    assert refused(satisfies, Countable, Both()) == message
    extend(Both, Countable, count=lambda x: 3)
    assert Countable.count(Both()) == 3 and satisfies(Countable, Both())


def test_extend_for_all_subclasses_of_a_built_in_type():
    Countable = countable()

    class Early(int): ...

    extend_for_all_subclasses(int, Countable, count=lambda x: "int")

    class Late(int): ...

    assert [Countable.count(value) for value in (1, True, Early(), Late())] == ["int"] * 4


# --- protocols: their functions ----------------------------------------------------------------


def test_protocols_with_functions_of_the_same_name_do_not_meet():
    One, Two = countable(), countable()

    class Plain: ...

    for cls in (Plain, int):
        extend(cls, One, count=lambda x: 1)
        assert "no implementation" in refused(Two.count, cls())
        extend(cls, Two, count=lambda x: 2)
        assert [One.count(cls()), Two.count(cls())] == [1, 2]


def test_functions_have_the_parameters_of_their_declaration():
    marker = object()

    class Everything(Protocol):
        def call(type, find, /, default=marker, *rest, key: "str" = "k", needed, **more): ...

        def swap(self, other, by=1): ...

    def gathered(a, b, c, *rest, key, needed, **more):
        return a, b, c, rest, key, needed, more

    extend(int, Everything, call=gathered, swap=lambda a, b, c: (b, a, c))
    call, swap = Everything.call, Everything.swap
    assert call(1, 2, needed=3) == (1, 2, marker, (), "k", 3, {})
    assert call(1, 2, 3, 4, 5, key=6, needed=7, x=8) == (1, 2, 3, (4, 5), 6, 7, {"x": 8})
    assert [swap(1, 2), swap(1, by=3, other=2), swap(self=1, other=2)] == [(2, 1, 1), (2, 1, 3), (2, 1, 1)]
    assert refused(swap, 1) == f"{swap.__qualname__}() missing 1 required positional argument: 'other'"
    assert str(inspect.signature(swap)) == "(self, other, by=1)"
    assert "key: 'str' = 'k'" in str(inspect.signature(call))


def test_functions_look_like_their_declaration():
    Countable = countable()
    count = Countable.count
    assert type(count) is FunctionType and count.__doc__ == "The number of parts."
    assert (count.__name__, count.__module__) == ("count", __name__)
    assert count.__qualname__ == f"{Countable.__qualname__}.count"
    assert Countable.__doc__ == "What has a number of parts."
    assert repr(count.dispatch.__self__) == f"<ProtocolFn {count.__qualname__}>"


def test_other_names_of_a_protocol_are_left_alone():
    class Named(Protocol):
        limit = 3

        def name(self): ...

        def _helper(self):
            return "helped"

        size = lambda self: 0  # noqa: E731

    extend(str, Named, name=str.upper, size=len)
    assert Named.name("a") == "A" and Named.size("a") == 1
    assert Named.limit == 3 and Named._helper(None) == "helped"
    assert "no function _helper (it has name, size)" in refused(extend, int, Named, _helper=str)


def test_dispatch_gives_the_implementation_for_a_type():
    Countable = countable()

    class Base: ...

    class Sub(Base): ...

    def base_count(x):
        return 1

    extend(Base, Countable, count=base_count)
    extend(Sub, Countable, count=lambda x: 10 + Countable.count.dispatch(Base)(x))
    assert Countable.count.dispatch(Base) is base_count
    assert Countable.count(Sub()) == 11
    assert "no implementation for int" in refused(Countable.count.dispatch, int)


def test_recursion_through_a_protocol():
    Countable = countable()
    count = Countable.count
    extend(int, Countable, count=lambda x: 1)
    extend(list, Countable, count=lambda items: sum(map(count, items)))
    assert count([1, [2, 3, [4]], []]) == 4
    deep = [1]
    for _ in range(50):
        deep = [deep]
    assert count(deep) == 1


def test_generators_and_coroutines():
    class Walkable(Protocol):
        def walk(self): ...

        async def fetch(self): ...

    def walk(items):
        for item in items:
            yield from Walkable.walk(item)

    async def fetch(number):
        return number

    def leaf(number):
        yield number

    extend(list, Walkable, walk=walk)
    extend(int, Walkable, walk=leaf, fetch=fetch)
    assert list(Walkable.walk([1, [2, [3]]])) == [1, 2, 3]
    try:
        Walkable.fetch(4).send(None)
    except StopIteration as done:
        assert done.value == 4
    extend(type(walk([])), Walkable, walk=lambda generator: "a generator")
    assert Walkable.walk(walk([])) == "a generator"


def test_errors_of_an_implementation_are_its_own():
    Countable = countable()

    class Plain: ...

    for error in (AttributeError, KeyError, TypeError, LookupError):

        def fails(x, error=error):
            raise error("mine")

        extend(object, Countable, count=lambda x: "the default")
        for cls in (Plain, int):
            extend(cls, Countable, count=fails)
            try:
                Countable.count(cls())
            except error as caught:
                names = [frame.name for frame in traceback.extract_tb(caught.__traceback__)]
                assert names == [sys._getframe().f_code.co_name, "count", "fails"] and caught.args == ("mine",)
            else:
                raise AssertionError("no error")
    calls = []

    def misses(x):
        calls.append(x)
        extend(str, Countable, is_empty=bool, count=len)
        raise KeyError(type(x))

    extend(int, Countable, count=misses)
    try:
        Countable.count(1)
    except KeyError:
        assert calls == [1]
    extend(dict, Countable, count={}.__getitem__)
    extend(type, Countable, count={}.__getitem__)
    for value, kind in (({}, TypeError), (type, KeyError)):
        try:
            Countable.count(value)
        except kind:
            continue
        raise AssertionError("no error")


def test_an_extension_during_a_call_counts_from_the_next_one_on():
    Countable = countable()

    def first(x):
        extend(int, Countable, count=lambda x: "second")
        return "first"

    extend(int, Countable, count=first)
    assert [Countable.count(1), Countable.count(1)] == ["first", "second"]


# --- satisfies, extenders, errors --------------------------------------------------------------


def test_satisfies_wants_every_function():
    Countable = countable()
    assert not satisfies(Countable, [])
    extend(list, Countable, count=len)
    assert not satisfies(Countable, [])
    extend(list, Countable, is_empty=lambda x: not x)
    assert satisfies(Countable, []) and not satisfies(Countable, ()) and not satisfies(Countable, list)
    assert Countable.count([1]) == 1
    extend(object, Countable, count=lambda x: 1, is_empty=lambda x: False)
    assert satisfies(Countable, ())


def test_extenders_are_the_types_in_their_order():
    Countable = countable()

    class Plain: ...

    class Gone: ...

    assert extenders(Countable) == ()
    for cls in (int, Plain, Gone, object, int):
        extend(cls, Countable, count=id)
    assert extenders(Countable) == (int, Plain, Gone, object)
    del Gone, cls
    gc.collect()
    assert extenders(Countable) == (int, Plain, object)


def test_extended_classes_are_not_kept():
    Countable = countable()

    def extended():
        class Gone: ...

        extend(Gone, Countable, count=lambda x: 1)
        return weakref.ref(Gone)

    gone = extended()
    gc.collect()
    assert gone() is None


def test_called_classes_are_kept_in_limited_number():
    Countable = countable()
    extend(object, Countable, count=lambda x: "default")
    classes = [type(f"C{number}", (), {}) for number in range(3 * dispatch._REMEMBERED)]
    kept = [weakref.ref(cls) for cls in classes]
    for cls in classes:
        assert Countable.count(cls()) == "default"
    del classes, cls
    gc.collect()
    assert sum(reference() is not None for reference in kept) <= dispatch._REMEMBERED


def test_a_missing_implementation_is_explained():
    Countable = countable()
    name = Countable.__qualname__

    class Plain: ...

    assert refused(Countable.count, 1) == (
        f"{name}.count: no implementation for int (extend(int, {name}, count=...) adds one)"
    )
    assert refused(Countable.count, None).startswith(f"{name}.count: no implementation for NoneType (")
    assert refused(Countable.is_empty, Plain()) == (
        f"{name}.is_empty: no implementation for {__name__}.{Plain.__qualname__} "
        f"(extend({Plain.__qualname__}, {name}, is_empty=...) adds one)"
    )


def test_wrong_extensions_are_refused_and_change_nothing():
    Countable = countable()
    name = Countable.__qualname__
    message = refused(extend, int, Countable, count=len, size=len)
    assert message == f"{name} has no function size (it has count, is_empty)"
    assert refused(extend, int, Countable, is_empty=bool, count=1) == f"{name}.count: 1 cannot be called"
    assert refused(extend, int, Countable, count=classmethod(len)).endswith("cannot be called")
    assert refused(extend, 1, Countable, count=len) == f"{name} is extended to types, not to 1"
    assert refused(extend, list[int], Countable, count=len).endswith("not to list[int]")
    assert refused(extend, int, Countable) == f"{name}: no function given for int (it has count, is_empty)"
    for function in (extend, extend_for_all_subclasses):
        assert "is not a protocol" in refused(function, int, list, count=len)
    assert "is not a protocol" in refused(satisfies, Protocol, 1) and "is not a protocol" in refused(
        extenders, 1
    )
    assert extenders(Countable) == () and not satisfies(Countable, 1)


def test_protocols_that_are_none_are_refused():
    Countable = countable()
    assert refused(type(Protocol), "Empty", (Protocol,), {}) == "Empty declares no function"
    for bases in ((Countable,), (Protocol, list)):
        assert "inherits from Protocol and nothing else" in refused(
            type(Protocol), "P", bases, {"f": lambda x: x}
        )
    for function in (lambda: 0, lambda *rest: 0, lambda *, key: 0):
        message = refused(type(Protocol), "P", (Protocol,), {"f": function})
        assert message == "P.f has no first parameter to choose an implementation by"
    assert refused(Countable) == f"{Countable.__qualname__} is a protocol: it has no instances"


def main(names: list[str]) -> None:
    tests = {name: test for name, test in globals().items() if name.startswith("test_")}
    for name in names or tests:
        tests[name]()
    print(f"{len(names or tests)} tests passed")


if __name__ == "__main__":
    main(sys.argv[1:])
