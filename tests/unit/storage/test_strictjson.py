"""What comes back equals what went in, or the path to what could not is named."""

import dataclasses
import datetime
import enum
import subprocess
import sys
import uuid
from collections import Counter, OrderedDict, defaultdict, namedtuple

import orjson
import ormsgpack
import pytest

from outlast.errors import ValidationError
from outlast.storage.strictjson import DEPTH_MAX, decode, encode


class Colour(enum.Enum):
    RED = "red"


class Word(enum.StrEnum):
    YES = "yes"


class Number(enum.IntEnum):
    ONE = 1


class Text(str):
    __slots__ = ()


class Cookie:
    pass


class Moody(dict):
    def __eq__(self, other):
        return False

    def __ne__(self, other):
        return True

    __hash__ = None


@dataclasses.dataclass
class Point:
    x: int


Pair = namedtuple("Pair", "left right")


def cyclic_list():
    value = [1]
    value.append(value)
    return value


def cyclic_dict():
    value = {}
    value["me"] = {"again": value}
    return value


def nested(levels):
    value = 1
    for _ in range(levels):
        value = [value]
    return value


def same(left, right):
    """Equal, and of the same types all the way down."""
    return repr(left) == repr(right)


@pytest.mark.parametrize(
    "value",
    [
        None, True, False, 0, -1, 2**63, 2**64 - 1, -(2**63), 0.0, -0.0, 1.5, 1e300, 5e-324, 1e16, "", "é\u0000\U0001f600",
        [], {}, [[], {}], {"": None}, {"a b": [1, 2.0, "3", None, True]}, nested(DEPTH_MAX),
    ],
    ids=ascii,
)  # fmt: skip
def test_plain_json_comes_back_as_it_was(value):
    assert same(decode(encode(value)), value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("nan"), "$: nan is not JSON"),
        (float("-inf"), "$: -inf is not JSON"),
        ({"a": [1, float("inf")]}, "$.a[1]: inf is not JSON"),
        ({"items": [0, 1, 2, {"cookie": Cookie()}]}, "$.items[3].cookie: Cookie is not JSON"),
        ((1, 2), "$: tuple is not JSON"),
        ({"p": Pair(1, 2)}, "$.p: Pair is not JSON"),
        ({"s": {1}}, "$.s: set is not JSON"),
        ([b"x"], "$[0]: bytes is not JSON"),
        ([bytearray(b"x")], "$[0]: bytearray is not JSON"),
        ({"a": [ormsgpack.Ext(1, b"x")]}, "$.a[0]: Ext is not JSON"),
        ({"a": orjson.Fragment(b"1")}, "$.a: Fragment is not JSON"),
        ({"t": datetime.datetime(2026, 1, 1)}, "$.t: datetime is not JSON"),
        ({"t": datetime.date(2026, 1, 1)}, "$.t: date is not JSON"),
        ({"t": datetime.time(1)}, "$.t: time is not JSON"),
        ({"u": uuid.UUID(int=1)}, "$.u: UUID is not JSON"),
        ([Point(1)], "$[0]: Point is not JSON"),
        ({"c": Colour.RED}, "$.c: Colour is not JSON: store its value"),
        ({"c": Word.YES}, "$.c: Word is not JSON: store its value"),
        ({"c": Number.ONE}, "$.c: Number is not JSON: store its value"),
        ([1j], "$[0]: complex is not JSON"),
        ({"a": {1: 2}}, "$.a: the key 1 is of type int: JSON keys are strings"),
        ({None: 2}, "$: the key None is of type NoneType: JSON keys are strings"),
        ({Word.YES: 2}, "of type Word: JSON keys are strings"),
        ({"a": {"\ud800": 1}}, "$.a: str the key '\\ud800' is not JSON: it has a lone surrogate"),
        ({"a b": {"c": "\udfff"}}, "$['a b'].c: str is not JSON: it has a lone surrogate"),
        ({"n": 2**64}, "$.n: int is beyond 64 bits: store it as a string"),
        ({"n": -(2**63) - 1}, "$.n: int is beyond 64 bits: store it as a string"),
        ({"k" * 61: [()]}, "$['" + "k" * 59 + "...][0]: tuple is not JSON"),
        (cyclic_list(), "$[1]: list is not JSON: a cycle"),
        (cyclic_dict(), "$.me.again: dict is not JSON: a cycle"),
        (nested(DEPTH_MAX + 1), f"list stands deeper than {DEPTH_MAX} levels"),
        ([nested(DEPTH_MAX)] * 200, f"list stands deeper than {DEPTH_MAX} levels"),
        (["x" * 5_000, {"a": nested(DEPTH_MAX - 1)}], f"list stands deeper than {DEPTH_MAX} levels"),
        ([Moody(a=1)], "$[0]: Moody is not JSON: it does not equal its plain dict"),
    ],
    ids=lambda value: (
        ascii(value)[:40] if isinstance(value, str) else type(value).__name__
    ),  # no addresses: they differ by process
)
def test_what_would_not_come_back_is_refused_with_its_path(value, message):
    with pytest.raises(ValidationError) as caught:
        encode(value)
    assert message in caught.value.message
    assert caught.value.message.startswith(caught.value.context["path"] + ":")


def test_the_path_begins_where_the_caller_says():
    with pytest.raises(ValidationError, match=r"^metadata\.a: tuple is not JSON$"):
        encode({"a": ()}, "metadata")


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ({"title": Text("é")}, {"title": "é"}),
        ({Text("title"): 1}, {"title": 1}),
        (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        ([defaultdict(list, a=[1])], [{"a": [1]}]),
        ({"words": Counter("aab")}, {"words": {"a": 2, "b": 1}}),
        ([type("Real", (float,), {})(1.5)], [1.5]),
        ([type("Whole", (int,), {})(7), None, True], [7, None, True]),
        ([type("Row", (list,), {})([1])], [[1]]),
    ],
    ids=ascii,
)
def test_a_subclass_that_equals_its_plain_value_comes_back_as_that(value, plain):
    back = decode(encode(value))
    assert back == value
    assert same(back, plain)


@pytest.mark.parametrize("leaf", [None, -1.7976931348623157e308, "x", [], {}])
@pytest.mark.parametrize("kind", [list, dict])
def test_the_deepest_values_are_written_into_their_own_memory(leaf, kind):
    # orjson writes the ends of some two hundred lists beyond its buffer: `DEPTH_MAX` has to be far from there. Python knows
    # when somebody wrote where he should not, if it is asked to look.
    code = f"""
import random
from outlast.storage.strictjson import DEPTH_MAX, encode
leaf = {leaf!r}
for _ in range(DEPTH_MAX - 1 - isinstance(leaf, list | dict)):
    leaf = [leaf] if {kind is list} else {{"": leaf}}
random.seed(1)
for _ in range(2_000):
    encode([7] * random.randrange(200) + [leaf] * random.randrange(1, 40) + ["x" * random.randrange(300)])
"""
    done = subprocess.run([sys.executable, "-X", "dev", "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_bytes_that_only_look_like_a_number_that_is_not_finite_are_written():
    value = {"a": [0x7FF8 << 48 | 0xCB, 1.5], "b": "\u02ff\x7f\xf8", "c": [0xCB7FF0, 0xCBFFF8]}
    assert decode(encode(value)) == value


def test_a_value_that_stands_twice_is_no_cycle():
    shared = Text("x")
    row = [shared]
    assert decode(encode([row, row, {"a": row}])) == [["x"], ["x"], {"a": ["x"]}]


@pytest.mark.parametrize("blob", [b"", b"{", b"NaN", b"\xff", b"1 2", "[1,]", '{"a":1e999}'])
def test_what_is_not_json_is_refused(blob):
    with pytest.raises(ValidationError, match="not JSON"):
        decode(blob)


@pytest.mark.parametrize("blob", [b'{"a":[1,null]}', ' {"a" : [1, null]}'])
def test_bytes_and_text_are_decoded(blob):
    assert decode(blob) == {"a": [1, None]}
