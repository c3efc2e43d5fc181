"""Where items come from."""

import asyncio
import os
import socket

import pytest

from outlast.cli.sources import read, source_of
from outlast.jobs.items import key_function
from outlast.errors import ValidationError


@pytest.fixture
def made(tmp_path):
    def make(name, text):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return make


def items_of(tmp_path, *texts):
    return list(read([source_of(text, tmp_path) for text in texts]))


def test_lines_are_items_and_only_blank_ones_are_skipped(tmp_path, made):
    made("urls.txt", "\ufeffhttps://a.test/1\r\n\n  \n# not a comment\nhttps://a.test/2")
    assert items_of(tmp_path, "urls.txt") == ["https://a.test/1", "# not a comment", "https://a.test/2"]


def test_a_url_is_an_item_itself_and_sources_follow_each_other(tmp_path, made):
    made("urls.txt", "b\n")
    assert items_of(tmp_path, "https://a.test/x.csv:y", "urls.txt") == ["https://a.test/x.csv:y", "b"]


def test_json_lines_are_values(tmp_path, made):
    made("items.jsonl", '{"url": "a"}\n\n"b"\n')
    assert items_of(tmp_path, "items.jsonl") == [{"url": "a"}, "b"]


def test_a_column_of_a_table_or_its_rows_are_items(tmp_path, made):
    made("t.csv", 'id,url\n1,"a\nb"\n\n2,c\n')
    assert items_of(tmp_path, "t.csv:url") == ["a\nb", "c"]
    assert items_of(tmp_path, "t.csv") == [{"id": "1", "url": "a\nb"}, {"id": "2", "url": "c"}]


@pytest.mark.parametrize(
    ("name", "text", "source", "complaint"),
    [
        ("x.jsonl", '{"a": 1}\n{oops\n', "x.jsonl", "x.jsonl line 2: not JSON"),
        ("x.csv", "a,b\n1,2\n3\n", "x.csv:b", "x.csv:b line 3: too few fields: nothing in column 'b'"),
        ("x.csv", "a,b\n1,2,3\n", "x.csv", "x.csv line 2: more fields than the first line has names"),
        ("x.txt", b"a\n\xff\n", "x.txt", "x.txt is not UTF-8"),
        ("x.csv", b'a\n"' + b"x" * 200_000 + b'"\n', "x.csv", "x.csv line 1: field larger"),
    ],
)
def test_what_is_no_item_is_an_error_that_says_where(tmp_path, made, name, text, source, complaint):
    made(name, text)
    with pytest.raises(ValidationError, match=complaint):
        items_of(tmp_path, source)


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("nofile.txt", "there is no file 'nofile.txt' in"),
        (".", "is a directory"),
        ("t.csv:ulr", r"has no column 'ulr' \(there are: id, url\); did you mean 'url'\?"),
        ("bad.csv:url", "is not CSV in UTF-8"),
    ],
)
def test_a_source_that_cannot_be_is_refused_before_anything_is_read(tmp_path, made, source, complaint):
    made("t.csv", "id,url\n")
    made("bad.csv", b"\xff\n")
    with pytest.raises(ValidationError, match=complaint):
        source_of(source, tmp_path)


def test_a_file_that_cannot_be_opened_is_refused(tmp_path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        with pytest.raises(ValidationError, match="'s' cannot be read: No such device or address"):
            source_of("s", tmp_path)


def test_a_file_is_read_as_it_is_asked_for(tmp_path, made):
    made("items.jsonl", "1\n2\noops\n")
    items = iter(read([source_of("items.jsonl", tmp_path)]))
    assert (next(items), next(items)) == (1, 2)
    with pytest.raises(ValidationError):
        next(items)


def test_items_are_known_by_a_field_and_text_by_itself():
    key = key_function("id")
    assert key({"id": 7, "url": "a"}) == "7"
    assert key("a") == "a"
    for item in ({"url": "a"}, {"id": None}, {"id": True}, 5):
        with pytest.raises(ValidationError, match="has no key"):
            key(item)


class FakeInput:
    def __init__(self, descriptor):
        self._descriptor = descriptor

    def fileno(self):
        return self._descriptor


async def collected(items):
    return [item async for item in items]


@pytest.mark.real_time
async def test_standard_input_gives_lines_as_they_come(tmp_path, made, monkeypatch):
    made("more.txt", "last\n")
    reader, writer = os.pipe()
    monkeypatch.setattr("sys.stdin", FakeInput(reader))
    items = read([source_of("-", tmp_path), source_of("more.txt", tmp_path)])
    os.write(writer, "a\n\nhalf".encode())
    assert await anext(items) == "a"
    waiting = asyncio.ensure_future(anext(items))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    os.write(writer, b" line\nend")
    assert await waiting == "half line"
    os.close(writer)
    assert await collected(items) == ["end", "last"]
    os.close(reader)


@pytest.mark.real_time
async def test_standard_input_may_be_a_file_or_a_device(tmp_path, made, monkeypatch):
    for path, expected in ((made("in.txt", "a\nb"), ["a", "b"]), (os.devnull, [])):
        with open(path, "rb") as file:
            monkeypatch.setattr("sys.stdin", file)
            assert await collected(read([source_of("-", tmp_path)])) == expected


@pytest.mark.real_time
async def test_bytes_on_standard_input_that_are_no_text_are_an_error(tmp_path, made, monkeypatch):
    with made("in.txt", b"a\n\xff\n").open("rb") as file:
        monkeypatch.setattr("sys.stdin", file)
        with pytest.raises(ValidationError, match="standard input line 2: not UTF-8"):
            await collected(read([source_of("-", tmp_path)]))
