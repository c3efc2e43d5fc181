"""Rows that fit a screen, whatever characters they are made of."""

import pytest

from outlast.cli.rows import Line, cut, fitted, flowed, padded, plain, wide


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("short", 10, "short"),
        ("exactly 10", 10, "exactly 10"),
        ("more than ten", 10, "more th..."),
        ("你好你好你好", 9, "你好你..."),
        ("你好你好你好", 8, "你好 ..."),
        ("e\u0301" * 20, 8, "e\u0301" * 5 + "..."),
        ("🙂🙂🙂🙂", 7, "🙂🙂..."),
        ("anything", 3, "..."),
        ("anything", 2, ".."),
        ("anything", 0, ""),
    ],
)
def test_a_row_is_cut_by_the_columns_that_it_takes(text, width, shown):
    assert plain(cut([(text, "")], width)) == shown


def test_each_piece_keeps_its_style_where_a_row_is_cut():
    assert cut([("abc", "bold"), ("defgh", "red"), ("ijk", "")], 8) == [("abc", "bold"), ("de...", "red")]


@pytest.mark.parametrize("text", ["", "a", "你好", "long enough to be cut", "你好你好你好"])
def test_a_column_is_as_wide_as_it_is_said_to_be(text):
    for width in range(12):
        assert wide([(padded(text, width), "")]) == width
        assert wide([(padded(text, width, right=True), "")]) == width
    assert padded("7", 3, right=True) == "  7"


def test_parts_flow_into_as_many_rows_as_they_need_and_none_is_torn():
    parts = [[("ok ", ""), ("1", "green")], [("failed 2", "")], [("in flight 3", "")]]
    assert [plain(row) for row in flowed(parts, 80)] == ["ok 1  failed 2  in flight 3"]
    assert [plain(row) for row in flowed(parts, 15)] == ["ok 1  failed 2", "in flight 3"]
    assert [plain(row) for row in flowed(parts, 6)] == ["ok 1", "fai...", "in ..."]


def test_where_there_is_no_room_the_least_important_lines_go_first():
    lines = [Line(0, [("head", "")]), Line(9, []), Line(5, [("five", "")]), Line(5, [("later", "")])]
    lines.append(Line(2, [("foot", "")]))

    def shown(height):
        return [plain(row) for row in fitted(lines, height)]

    assert shown(5) == ["head", "", "five", "later", "foot"]
    assert shown(4) == ["head", "five", "later", "foot"]
    assert shown(3) == ["head", "five", "foot"]
    assert shown(2) == ["head", "foot"]
    assert shown(0) == ["head"], "a screen without lines is no reason to end"


def test_no_empty_line_is_left_at_the_end():
    assert fitted([Line(0, [("head", "")]), Line(1, [])], 5) == [[("head", "")]]
