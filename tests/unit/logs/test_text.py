"""Secrets do not get into a log, and what is logged cannot forge a line."""

import json
import math
from collections import OrderedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlast.config import LoggingConfiguration
from outlast.logs.text import DEPTH_MAX, MEMBERS_MAX, TEXT_MAX, escaped, masking

NAMES = LoggingConfiguration().redact
mask = masking(NAMES)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("login password=hunter2 ok", "login password=*** ok"),
        ("https://x.test/?a=1&token=abc&b=2", "https://x.test/?a=1&token=***&b=2"),
        ("https://x.test/?access_token=abc#top", "https://x.test/?access_token=***"),
        ('{"token": "abc", "n": 1}', '{"token": "***", "n": 1}'),
        ('{"token": "a\\"b c", "n": 1}', '{"token": "***", "n": 1}'),
        ("{'api_key': 'abc', 'n': 1}", "{'api_key': '***', 'n': 1}"),
        ('{"apiKey":"abc"}', '{"apiKey":"***"}'),
        ('{"token": 12345, "n": 1}', '{"token": ***, "n": 1}'),
        ("X-API-Key: abc", "X-API-Key: ***"),
        ("Authorization: Bearer abc.def", "Authorization: ***"),
        ("authorization=Bearer abc.def next", "authorization=*** next"),
        ("Cookie: a=1; b=2\nHost: x.test", "Cookie: ***\nHost: x.test"),
        ("Set-Cookie: sid=1; Path=/", "Set-Cookie: ***"),
        ('{"cookie": ["a", "b"]}', '{"cookie": ***'),
        ('cut short: {"token": "abc', 'cut short: {"token": ***'),
        ("cut short: token='abc def", "cut short: token=***"),
        ("PASSWORD = x", "PASSWORD = ***"),
        ('secret: "two words" after', 'secret: "***" after'),
        ('secret="two words" after', 'secret="***" after'),
        ("no secrets=here", "no secrets=here"),
        ("the token is gone", "the token is gone"),
        ("tokenizer=bpe", "tokenizer=bpe"),
        ("token=", "token="),
        ("", ""),
    ],
)
def test_a_secret_in_a_string_is_masked(text, masked):
    assert mask(text) == masked


@pytest.mark.parametrize(
    "key", ["password", "Password", "db_password", "X-Api-Key", "apiKey", "accessToken", "set_cookie", "client-secret"]
)
def test_the_value_of_a_secret_key_is_masked_at_any_depth(key):
    value = {"outer": [{key: {"inner": "hunter2"}, "kept": 1}]}
    assert mask(value) == {"outer": [{key: "***", "kept": 1}]}


@pytest.mark.parametrize("key", ["tokens", "token_count", "passwords_changed", "url"])
def test_other_keys_are_kept(key):
    assert mask({key: 5}) == {key: 5}


def test_a_secret_within_a_key_is_masked():
    counts = {"RuntimeError login password=hunter2": 3, "no http://u:hunter2@h/": 1, "password": 5}
    assert mask(counts) == {"RuntimeError login password=***": 3, "no http://***@h/": 1, "password": "***"}


def test_without_names_nothing_is_masked():
    assert masking(())({"token": "a", "text": "token=a"}) == {"token": "a", "text": "token=a"}


def test_a_name_is_not_a_pattern():
    assert masking(["a.c"])("abc=1 a.c=2") == "abc=1 a.c=***"


class Loud:
    def __str__(self):
        return "loud token=abc"


def test_what_json_cannot_say_becomes_text_and_is_masked_too():
    value = {"s": {"x"}, 1: (1, None, True, 1.5), "o": Loud(), "d": OrderedDict(a=1), "inf": math.inf, "nan": math.nan}
    assert mask(value) == {
        "s": ["x"],
        "1": [1, None, True, 1.5],
        "o": "loud token=***",
        "d": {"a": 1},
        "inf": "inf",
        "nan": "nan",
    }


def test_a_cycle_ends():
    value = {}
    value["again"] = value
    text = json.dumps(mask(value))
    assert text.count("again") <= 2 * DEPTH_MAX


@given(
    st.text(st.characters(exclude_characters="\r\n\"'\\&,;)]} \t\x0b\x0c", exclude_categories=["Z", "Cc"]), min_size=4)
)
def test_no_part_of_a_value_is_left(secret):
    for text in (
        f"token={secret}",
        f'"token": "{secret}"',
        f"Authorization: Basic {secret}",
        f"?x=1&api_key={secret}&y",
    ):
        assert secret not in mask(text).replace("***", "")


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "text",
    [
        "token" * 40_000,
        'token="' + "\\" * 200_000,
        "token=" + " " * 200_000,
        "token:" * 40_000,
        'token="' * 30_000,
        "token" + " " * 200_000,
    ],
)
def test_masking_takes_linear_time_on_hostile_text(text):
    assert isinstance(mask(text), str)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\nb", "a\\nb"),
        ("a\r\nb\tc", "a\\r\\nb\\tc"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("\x9b31m", "\\x9b31m"),
        ("a\u2028b\u202ec\u2066", "a\\u2028b\\u202ec\\u2066"),
        ("\udc80", "\\udc80"),
        ("plain, ünïcode 日本", "plain, ünïcode 日本"),
    ],
)
def test_what_could_forge_a_line_is_escaped(text, line):
    assert escaped(text) == line


@given(st.text(st.characters(exclude_categories=[])))
def test_an_escaped_text_is_one_line_that_every_encoding_of_a_log_can_write(text):
    line = escaped(text)
    assert len(line.splitlines()) <= 1
    assert line.encode() is not None  # strict: a lone surrogate would raise
    assert escaped(line) == line


def test_characters_asked_for_are_kept():
    assert escaped("a\nb\x1b", keep="\n") == "a\nb\\x1b"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("GET https://me:hunter2@x.test/a failed", "GET https://***@x.test/a failed"),
        ("proxy socks5://hunter2@10.0.0.1:1080", "proxy socks5://***@10.0.0.1:1080"),
        ("http://me:hun@ter2@x.test", "http://***@x.test"),
        ("http://x.test/a@b and me@x.test", "http://x.test/a@b and me@x.test"),
        ("http://x.test/?mail=me@x.test", "http://x.test/?mail=me@x.test"),
        ("http://a:1@x.test http://b:2@y.test", "http://***@x.test http://***@y.test"),
    ],
)
def test_name_and_password_of_a_url_are_masked(text, masked):
    assert mask(text) == masked
    assert mask({"deep": [{"url": text}]}) == {"deep": [{"url": masked}]}


def test_a_long_text_is_cut_and_says_so():
    assert mask("x" * 1_000_000) == "x" * TEXT_MAX + f"... ({1_000_000 - TEXT_MAX} more characters)"
    assert mask("x" * TEXT_MAX) == "x" * TEXT_MAX


@pytest.mark.parametrize("before", range(TEXT_MAX - 30, TEXT_MAX + 30, 7))
@pytest.mark.parametrize("secret", ["http://me:hunter2@x.test", "password=hunter2", "Authorization: Bearer hunter2"])
def test_a_secret_where_a_text_is_cut_is_masked_too(secret, before):
    assert "hun" not in mask("x" * before + " " + secret + "y" * 5_000)


def test_large_containers_keys_and_numbers_are_cut():
    assert len(mask(list(range(1_000)))) == MEMBERS_MAX + 1
    assert mask({str(number): number for number in range(1_000)})["..."] == f"{1_000 - MEMBERS_MAX} more"
    [key] = mask({"k" * 1_000_000: 1})
    assert len(key) < 300
    assert mask({"k" * 1_000_000 + "token": "hunter2"}).popitem()[1] == "***"
    assert mask(10**10_000) == f"an integer of {(10**10_000).bit_length()} bits"


def test_an_object_that_cannot_be_told_does_not_break_its_line():
    class Broken:
        def __str__(self):
            raise RuntimeError("no")

    assert mask({"x": Broken()}) == {"x": "<Broken that cannot be told: RuntimeError>"}


@pytest.mark.parametrize(
    "value",
    [
        {"headers": [["Authorization", "Bearer hunter2"], ["Accept", "*/*"]]},
        [(b"Set-Cookie", b"hunter2")],
        ("token", "hunter2"),
        {b"password": "hunter2"},
        ["curl", "--password", "hunter2"],
    ],
)
def test_pairs_byte_names_and_options_hide_what_belongs_to_them(value):
    masked = mask(value)
    assert "***" in str(masked)
    assert "hunter2" not in str(masked)


def test_a_list_of_two_words_is_no_pair():
    assert mask({"words": ["password", "token"]}) == {"words": ["password", "token"]}
    assert mask([["Accept", "text/html"]]) == [["Accept", "text/html"]]
