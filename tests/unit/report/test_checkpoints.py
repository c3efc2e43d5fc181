"""How long the checkpoints took that are kept, as far as the event log tells."""

import re

from outlast.report.chronicle import CHECKPOINTS_TIMED_MAX, Chronicle
from outlast.report.html import page
from outlast.report.markdown import markdown
from outlast.report.model import report_of
from outlast.report.told import KeptCheckpoint


def test_a_kept_checkpoint_is_shown_with_the_time_it_took(told, entry, started, at):
    entries = [
        started(0),
        entry("checkpoint_created", 5, {"checkpoint_id": "c-1", "duration": 0.0216}),
        entry("checkpoint_created", 9, {"checkpoint_id": "c-2", "duration": "long"}),
    ]
    kept = [KeptCheckpoint(id=f"c-{n}", at=at(n), size=5, intact=True) for n in (1, 2)]
    made = report_of(told(checkpoints=kept), Chronicle.of(entries))
    assert [each.took for each in made.checkpoints] == [0.0216, None]
    assert made.to_dict()["checkpoints"][0]["took"] == 0.0216
    cells = re.findall(r'<td class="n">([^<]*)</td><td>✓ intact', page(made))
    assert cells == ["22 ms", "?"]
    assert re.search(r": intact, 5\sB, taken in 22 ms\.", markdown(made))


def test_the_times_are_bounded_and_the_newest_stay(entry):
    many = [
        entry("checkpoint_created", n, {"checkpoint_id": f"c-{n}", "duration": 1})
        for n in range(CHECKPOINTS_TIMED_MAX + 5)
    ]
    took = Chronicle.of(many).took
    assert len(took) == CHECKPOINTS_TIMED_MAX
    assert f"c-{CHECKPOINTS_TIMED_MAX + 4}" in took
