"""For every input: what goes in comes back or is refused, and damage is noticed."""

import enum
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.checkpoint.envelope import Codec, Label, seal, unseal
from outlast.checkpoint.names import JOB_ID_MAX, Name, id_of, key_of, parse
from outlast.checkpoint.retention import Kept, to_delete
from outlast.errors import CheckpointCorruptionError, CheckpointValidationError, ValidationError
from outlast.storage.gzipped import compress, decompress
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


@given(st.binary(max_size=4000))
def test_bytes_come_back_from_compression(blob):
    assert decompress(compress(blob)) == blob


@given(OBJECTS, OBJECTS, st.sampled_from(Codec), st.booleans())
def test_what_is_sealed_comes_back(data, metadata, codec, verify):
    header, back = unseal(seal(label(codec, metadata), encode(data)), verify=verify)
    assert repr((back, header.metadata)) == repr((data, metadata))


@given(OBJECTS, st.sampled_from(Codec), st.data())
def test_a_flipped_bit_is_noticed(data, codec, drawn):
    blob = bytearray(seal(label(codec), encode(data)))
    bit = drawn.draw(st.integers(0, 8 * len(blob) - 1))
    blob[bit // 8] ^= 1 << bit % 8
    with pytest.raises(CheckpointCorruptionError):
        unseal(bytes(blob))


@given(OBJECTS, st.sampled_from(Codec), st.booleans(), st.data())
def test_a_cut_is_noticed(data, codec, verify, drawn):
    blob = seal(label(codec), encode(data))
    size = drawn.draw(st.integers(0, len(blob) - 1))
    with pytest.raises(CheckpointCorruptionError):
        unseal(blob[:size], verify=verify)


@given(OBJECTS, st.data())
def test_other_bytes_in_the_body_are_noticed(data, drawn):
    blob = seal(label(), encode({**data, "more": "x" * 50}))
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


@given(st.lists(st.booleans(), max_size=12), st.integers(-2, 8))
def test_retention_leaves_the_newest_intact_ones_and_all_damaged_ones(intact, keep):
    rows = [Kept(f"c{number}", number, whole) for number, whole in enumerate(intact)]
    gone = set(to_delete(reversed(rows), keep))
    whole = [row.id for row in rows if row.intact]
    assert gone.isdisjoint(row.id for row in rows if not row.intact)
    assert [each for each in whole if each not in gone] == whole[-max(keep, 1) :]
