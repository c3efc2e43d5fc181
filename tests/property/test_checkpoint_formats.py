"""For every input: what goes in comes back or is refused, and damage is noticed."""

import copy
import enum
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.checkpoint.envelope import Codec, Label, check, rewrap, seal, unseal
from outlast.checkpoint.names import JOB_ID_MAX, Name, id_of, key_of, parse
from outlast.errors import CheckpointCorruptionError, CheckpointValidationError, ValidationError
from outlast.storage.frozen import HEAVY_WEIGHT, RECORD_MEMBERS_MAX, freeze
from outlast.storage.gzipped import compress, compress_pieces, decompress
from outlast.storage.keys import Keyring
from outlast.storage.strictjson import decode, encode

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
)


def containers(members):
    return st.lists(members, max_size=5) | st.dictionaries(TEXT, members, max_size=5)


JSON = st.recursive(SCALARS, containers, max_leaves=20)
OBJECTS = st.dictionaries(TEXT, JSON, max_size=6)


OLD, BOTH = Keyring.of([bytes(32)]), Keyring.of([bytes(range(32)), bytes(32)])
KEYS = st.sampled_from([None, OLD, BOTH])

SIZES = st.sampled_from([1, RECORD_MEMBERS_MAX, RECORD_MEMBERS_MAX + 1, 300, HEAVY_WEIGHT + 1])


def repeated(members):
    """The same member many times, each of them a copy, in a list or in a dict."""
    many = st.tuples(members, SIZES).map(lambda drawn: [copy.deepcopy(drawn[0]) for _ in range(drawn[1])])
    return many | many.map(lambda found: {f"k{number}": member for number, member in enumerate(found)})


# Small containers and large ones in one another, as a state may have them.
STATES = st.dictionaries(
    TEXT, JSON | repeated(JSON) | repeated(repeated(SCALARS).filter(lambda one: len(one) < 300)), max_size=4
)


def containers_in(value):
    found = [value] if isinstance(value, dict | list) else []
    for each in found:
        found += [one for one in (each.values() if isinstance(each, dict) else each) if isinstance(one, dict | list)]
    return found


class Word(enum.StrEnum):
    YES = "yes"


# Anything a scraper may hold, JSON or not.
ANYTHING = st.recursive(
    SCALARS
    | st.sampled_from([math.nan, math.inf, Word.YES, 2**64, "\ud800"])
    | st.binary(max_size=3)
    | st.dates()
    | st.uuids()
    | st.sets(st.integers(), max_size=2),
    lambda members: (
        containers(members)
        | st.tuples(members, members)
        | st.dictionaries(st.integers() | st.text(max_size=3) | st.booleans(), members, max_size=3)
    ),
    max_leaves=12,
)


def label(codec=Codec.GZIP, metadata=None):
    return Label(id="job-1", job_id="job", sequence=1, created="now", codec=codec, metadata=metadata or {})


@given(JSON)
def test_json_comes_back_equal_and_of_the_same_types(value):
    assert repr(decode(encode(value))) == repr(value)


@given(ANYTHING)
def test_anything_comes_back_as_it_was_or_is_refused(value):
    try:
        blob = encode(value)
    except ValidationError:
        return
    assert repr(decode(blob)) == repr(value)


@given(STATES, st.data())
def test_an_image_is_the_json_of_the_moment_whatever_is_changed_later(value, drawn):
    before = encode(value)
    frozen = freeze(value)
    pieces = frozen.pieces()
    written = [next(pieces) for _ in range(drawn.draw(st.integers(0, 1)))]
    for container in containers_in(value)[: drawn.draw(st.sampled_from([0, 3, 10_000]))]:
        other = drawn.draw(st.sampled_from([None, {1}, math.nan, "x", [[]]]))
        if isinstance(container, dict):
            container["more"] = other
        else:
            container.append(other)
    assert b"".join([*written, *pieces]) == before == b"".join(frozen.pieces())


@given(ANYTHING, SIZES)
def test_an_image_of_anything_is_its_json_or_is_refused_where_the_value_is(value, size):
    for holder in (value, {"a": value, "b": [1] * size}, [[0] * size, *[copy.deepcopy(value)] * 3]):
        try:
            expected = encode(holder)
        except ValidationError:
            with pytest.raises(ValidationError, match=r"^\$"):
                b"".join(freeze(holder).pieces())
        else:
            assert b"".join(freeze(holder).pieces()) == expected


@given(st.binary(max_size=4000))
def test_bytes_come_back_from_compression(blob):
    assert decompress(compress(blob)) == blob


@given(st.lists(st.binary(max_size=100).map(lambda piece: piece * 10_000), max_size=6))
def test_pieces_come_back_from_compression(pieces):
    assert decompress(b"".join(compress_pieces(pieces))) == b"".join(pieces)


@given(OBJECTS, OBJECTS, st.sampled_from(Codec), st.booleans(), KEYS)
def test_what_is_sealed_comes_back(data, metadata, codec, verify, keys):
    header, back = unseal(seal(label(codec, metadata), [encode(data)], keys), verify=verify, keys=keys)
    assert repr((back, header.metadata)) == repr((data, metadata))


@given(OBJECTS, OBJECTS, st.sampled_from(Codec))
def test_what_is_wrapped_anew_comes_back(data, metadata, codec):
    blob = rewrap(seal(label(codec, metadata), [encode(data)], OLD), BOTH)
    header, back = unseal(blob, keys=BOTH)
    assert repr((back, header.metadata)) == repr((data, metadata))
    assert header.key_id == BOTH.key_ids[0]


@given(OBJECTS, st.sampled_from(Codec), KEYS, st.data())
def test_a_flipped_bit_is_noticed(data, codec, keys, drawn):
    blob = bytearray(seal(label(codec), [encode(data)], keys))
    bit = drawn.draw(st.integers(0, 8 * len(blob) - 1))
    blob[bit // 8] ^= 1 << bit % 8
    for read in (unseal, check):
        for at_hand in (keys, None):
            with pytest.raises(CheckpointCorruptionError):
                read(bytes(blob), keys=at_hand)


@given(OBJECTS, st.sampled_from(Codec), st.booleans(), KEYS, st.data())
def test_a_cut_is_noticed(data, codec, verify, keys, drawn):
    blob = seal(label(codec), [encode(data)], keys)
    size = drawn.draw(st.integers(0, len(blob) - 1))
    with pytest.raises(CheckpointCorruptionError):
        unseal(blob[:size], verify=verify, keys=keys)


@given(OBJECTS, st.data())
def test_other_bytes_in_the_body_are_noticed(data, drawn):
    blob = seal(label(), [encode({**data, "more": "x" * 50})])
    start = drawn.draw(st.integers(0, len(blob) - 1))
    other = drawn.draw(st.binary(min_size=1, max_size=40))
    damaged = blob[:start] + other + blob[start + len(other) :]
    if damaged != blob:
        with pytest.raises((CheckpointCorruptionError, CheckpointValidationError)):
            unseal(damaged)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=JOB_ID_MAX), st.integers(0, 10**12))
def test_an_id_leads_back_to_its_job_and_number(job_id, sequence):
    key = key_of(job_id)
    assert parse(id_of(key, sequence)) == Name(key, sequence)
    assert "/" not in key
    assert len(key) < 60


@given(st.text(max_size=60))
def test_no_text_but_an_id_is_taken_for_one(text):
    name = parse(text)
    assert name is None or id_of(name.key, name.sequence) == text
