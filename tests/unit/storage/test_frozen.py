"""The image of a value: as it was when it was frozen, whatever is done to the value before, while and after it is written."""

import copy
import gc
import math
import subprocess
import sys
import threading
from collections import Counter, OrderedDict, defaultdict
from concurrent.futures import ThreadPoolExecutor

import pytest

from outlast.errors import ValidationError
from outlast.storage.exact import DEPTH_MAX
from outlast.storage.frozen import HEAVY_WEIGHT, RECORD_MEMBERS_MAX, SLICE_BYTES, WALK_DEPTH_MAX, freeze
from outlast.storage.strictjson import decode, encode

MANY = 3 * HEAVY_WEIGHT


class Text(str):
    __slots__ = ()


class Moody(dict):
    def __eq__(self, other):
        return False

    def __ne__(self, other):
        return True

    __hash__ = None


def item(number):
    return {"url": f"https://example.org/{number}", "price": number / 4, "tags": ["a", {"b": None}], "ok": True}


def state():
    """Large and small containers, in one another."""
    return {
        "": {},
        "config": {"name": "été", "pages": [1, 2.5, None, True]},
        "items": {f"k{number}": item(number) for number in range(MANY)},
        "seen": list(range(-MANY, MANY)),
        "hosts": {f"h{host}": {str(number): item(number) for number in range(400)} for host in range(6)},
        "deep": [[{"a b": [{"x": [item(number) for number in range(MANY)]}, 7]}], "end"],
        "pages": [{"html": "x" * 9_000} for _ in range(300)],
        "texts": {str(number): "x" * 9_000 for number in range(300)},
    }


def nested(value, levels):
    for _ in range(levels):
        value = [value]
    return value


def written(frozen):
    return b"".join(frozen.pieces())


@pytest.mark.parametrize(
    "value",
    [
        None, True, 0, -1.5, 2**64 - 1, -(2**63), "", "é\U0001f600", [], {}, [[]], {"a": {}}, item(1), state(),
        [state(), state()], list(range(MANY)), {str(number): {} for number in range(MANY)}, [[] for _ in range(MANY)],
        ["x" * SLICE_BYTES] * 3, [{str(number): 1 for number in range(RECORD_MEMBERS_MAX)} for _ in range(MANY)],
        nested(1, DEPTH_MAX), nested(list(range(MANY)), DEPTH_MAX - 1), nested([item(1)] * MANY, 2 * WALK_DEPTH_MAX),
        [5e-324, -0.0, 1e16, 1.7976931348623157e308, -3.0] * MANY,
    ],
    ids=lambda value: ascii(value)[:20],
)  # fmt: skip
def test_the_pieces_joined_are_the_json(value):
    frozen = freeze(value)
    assert written(frozen) == encode(value)
    assert written(frozen) == encode(value), "as often as is needed"


def test_a_large_value_is_written_in_pieces_that_are_short():
    pieces = list(freeze(state()).pieces())
    assert max(map(len, pieces)) < 2 * SLICE_BYTES
    assert len(pieces) < 150
    assert len(b"".join(pieces)) > 10 * SLICE_BYTES


def spoil(value):
    """Change everything in it, also to what is not JSON."""
    if isinstance(value, dict):
        for member in list(value.values()):
            spoil(member)
        for key in list(value):
            value[key] = {"spoilt"}
        value["more"] = (1, math.nan)
        value.pop(next(iter(value)))
    elif isinstance(value, list):
        for member in value:
            spoil(member)
        value[:] = [7, b"spoilt", *value[2:], object()]


def test_what_is_changed_later_does_not_reach_it():
    value = state()
    before = encode(value)
    frozen = freeze(value)
    spoil(value)
    assert written(frozen) == before
    value.clear()
    assert written(frozen) == before


@pytest.mark.parametrize("change", ["value", "type", "order", "new", "gone"])
def test_a_small_change_deep_in_a_slice_does_not_reach_it(change):
    value = state()
    before = encode(value)
    frozen = freeze(value)
    for each in value["items"].values():
        match change:
            case "value":
                each["tags"][1]["b"] = 0
            case "type":
                each["ok"] = 1
            case "order":
                each["url"] = each.pop("url")
            case "new":
                each["tags"].append([])
            case "gone":
                del each["ok"]
    assert encode(value) != before
    assert written(frozen) == before


def test_what_is_changed_between_two_pieces_does_not_reach_it():
    value = state()
    before = encode(value)
    pieces = []
    for number, piece in enumerate(freeze(value).pieces()):
        pieces.append(piece)
        for each in value["items"].values():
            each["price"] = number
        value["seen"].insert(0, number)
        value["deep"][0][0]["a b"][0]["x"][number]["tags"].clear()
    assert b"".join(pieces) == before


def test_what_is_nested_too_deep_later_does_not_even_reach_the_encoder():
    # It would write beyond its buffer, and Python knows if it is asked to look.
    code = """
from outlast.storage.frozen import freeze
for size in range(1, 400):
    value = [[number] for number in range(size)]
    frozen = freeze(value)
    before = b"".join(frozen.pieces())
    for number, member in enumerate(value):
        deep = "x" * ((number + size) % 50)
        for _ in range(215 + number % 37):
            deep = [deep]
        member[0] = deep
    assert b"".join(frozen.pieces()) == before
"""
    done = subprocess.run([sys.executable, "-X", "dev", "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.real_time
def test_what_is_changed_by_another_thread_while_it_is_written_does_not_reach_it():
    value = {"items": {f"k{number}": item(number) for number in range(MANY)}}
    before = encode(value)
    frozen = freeze(value)
    interval = sys.getswitchinterval()
    stop = threading.Event()

    def change():
        # There and back again: a slice may be whole at one moment, and another value at the next.
        while not stop.is_set():
            for each in value["items"].values():
                each["ok"], each["price"] = (1, "changed")
                each["tags"].append("changed")
                each["tags"].pop()
                each["ok"], each["price"] = True, int(each["url"][20:]) / 4

    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(2) as threads:
            changing = threads.submit(change)
            found = {threads.submit(written, frozen).result() for _ in range(10)}
            stop.set()
            changing.result()
    finally:
        stop.set()
        sys.setswitchinterval(interval)
    assert found == {before}


PROBLEMS = [
    ((1, 2), "tuple is not JSON"),
    ({1}, "set is not JSON"),
    (2**64, "int is beyond 64 bits: store it as a string"),
    ("\udfff", "str is not JSON: it has a lone surrogate"),
    (Moody(a=1), "Moody is not JSON: it does not equal its plain dict"),
    (
        Moody(zip(map(str, range(MANY)), range(MANY), strict=True)),
        "Moody is not JSON: it does not equal its plain dict",
    ),
]


@pytest.mark.parametrize("late", [0, 5, MANY - 1])
@pytest.mark.parametrize(("problem", "message"), PROBLEMS)
def test_what_is_not_json_is_refused_before_it_is_frozen_with_its_path(problem, message, late):
    value = state()
    value["items"][f"k{late}"]["tags"][0] = problem
    with pytest.raises(ValidationError) as caught:
        freeze(value)
    assert caught.value.message == f"$.items.k{late}.tags[0]: {message}"
    value = state()
    value["seen"][late] = problem
    with pytest.raises(ValidationError) as caught:
        freeze(value, "data")
    assert caught.value.message == f"data.seen[{late}]: {message}"


@pytest.mark.parametrize("late", [0, 5, MANY - 1])
@pytest.mark.parametrize(
    ("problem", "message"),
    [(math.nan, "nan is not JSON"), (-math.inf, "-inf is not JSON"), (b"x", "bytes is not JSON")],
)
def test_numbers_that_are_not_finite_and_bytes_are_refused_when_it_is_written(problem, message, late):
    value = state()
    value["deep"][0][0]["a b"][0]["x"][late]["price"] = problem
    frozen = freeze(value)
    for _ in range(2):
        with pytest.raises(ValidationError) as caught:
            written(frozen)
        assert caught.value.message == f"$.deep[0][0]['a b'][0].x[{late}].price: {message}"
        value["deep"].clear()


@pytest.mark.parametrize("value", [{"a": [1, math.nan]}, {"a": [1, b"x"]}])
def test_a_small_value_is_refused_with_its_path_too(value):
    with pytest.raises(ValidationError, match=r"^metadata\.a\[1\]: (nan|bytes) is not JSON"):
        written(freeze(value, "metadata"))


def test_keys_that_are_no_text_are_refused():
    for key in (1, None, b"k", "\ud800", (1,)):
        for holder in ({}, {str(number): 0 for number in range(MANY)}):
            for member in (0, list(range(MANY))):
                with pytest.raises(ValidationError, match=r"^\$\.a: .*key"):
                    freeze({"a": {**holder, key: member}, "b": list(range(MANY))})


def test_a_cycle_is_refused_wherever_it_is_closed():
    value = state()
    value["deep"][0][0]["me"] = value["deep"]
    with pytest.raises(ValidationError, match=r"^\$\.deep\[0\]\[0\]\.me: list is not JSON: a cycle"):
        freeze(value)
    value = state()
    value["deep"].insert(0, value)
    with pytest.raises(ValidationError, match=r"^\$\.deep\[0\]: dict is not JSON: a cycle"):
        freeze(value)
    large = list(range(MANY))
    large.append(large)
    with pytest.raises(ValidationError, match=rf"^\$\[{MANY}\]: list is not JSON: a cycle"):
        freeze(large)


def test_a_value_that_stands_twice_is_no_cycle():
    row = [item(number) for number in range(MANY)]
    assert written(freeze({"a": row, "b": [row, row]})) == encode({"a": row, "b": [row, row]})


@pytest.mark.parametrize("levels", [1, 20, WALK_DEPTH_MAX + 5])
def test_the_depth_counts_from_the_root(levels):
    deepest = nested(1, DEPTH_MAX - levels - 2)
    value = nested([[deepest] for _ in range(MANY)], levels)
    assert written(freeze(value)) == encode(value)
    value = nested([[[deepest]] for _ in range(MANY)], levels)
    with pytest.raises(ValidationError, match=f"list stands deeper than {DEPTH_MAX} levels"):
        written(freeze(value))


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ({"title": Text("é")}, {"title": "é"}),
        (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        ([Text("x")] * MANY, ["x"] * MANY),
        (Counter("ab" * MANY), {"a": MANY, "b": MANY}),
        (OrderedDict((str(n), item(n)) for n in range(MANY)), {str(n): item(n) for n in range(MANY)}),
        ({"a": defaultdict(list, {str(n): [n] for n in range(MANY)})}, {"a": {str(n): [n] for n in range(MANY)}}),
        ({Text("k"): list(range(MANY))}, {"k": list(range(MANY))}),
        ([type("Row", (list,), {})(range(MANY))], [list(range(MANY))]),
        ({str(n): OrderedDict(a=Text(n)) for n in range(MANY)}, {str(n): {"a": str(n)} for n in range(MANY)}),
    ],
    ids=lambda value: ascii(value)[:20],
)
def test_a_subclass_that_equals_its_plain_value_is_frozen_as_that(value, plain):
    frozen = freeze(value)
    spoil(value)
    assert repr(decode(written(frozen))) == repr(plain)


@pytest.mark.real_time
def test_another_thread_that_changes_sizes_while_it_is_frozen_breaks_nothing():
    value = {"items": {f"k{number}": item(number) for number in range(MANY)}, "seen": list(range(MANY))}
    stop = threading.Event()

    def change():
        number = 0
        while not stop.is_set():
            number += 1
            value["items"][f"n{number}"] = value["items"].pop(f"n{number - 1}", {})
            value["seen"].append(value["seen"].pop(0))
            value[f"n{number}"] = value.pop(f"n{number - 1}", number)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    changing = threading.Thread(target=change)
    changing.start()
    try:
        for _ in range(10):
            found = decode(written(freeze(value)))
            assert MANY <= len(found["items"]) <= MANY + 1
    finally:
        stop.set()
        changing.join()
        sys.setswitchinterval(interval)


def test_the_value_itself_is_left_as_it_was():
    value = state()
    before = copy.deepcopy(value)
    written(freeze(value))
    assert repr(value) == repr(before)


def test_groups_of_a_hundred_are_not_cut_one_by_one():
    value = [[{"n": n, "url": f"https://example.com/{n}"} for n in range(100)] for _ in range(1_000)]
    assert len(list(freeze(value).pieces())) < 700


def test_few_large_members_after_many_small_ones_do_not_share_a_slice():
    value = {"small": list(range(4_000)) + [["x" * 100] * 3_000 for _ in range(40)]}
    assert max(map(len, freeze(value).pieces())) < 1_500_000


@pytest.mark.parametrize("on", [True, False])
def test_the_garbage_collector_is_left_as_it_was(on):
    (gc.enable if on else gc.disable)()
    try:
        freeze([[n] for n in range(MANY)])
        assert gc.isenabled() is on
        with pytest.raises(ValidationError):
            freeze([{1}] * MANY)
        assert gc.isenabled() is on
    finally:
        gc.enable()
