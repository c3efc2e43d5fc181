"""What is another's fault is excused, and not without end."""

from outlast.jobs.excuses import EXCUSED_MAX, ITEMS_MAX, Excuses


def test_the_tenth_failure_in_a_row_counts_and_the_row_begins_anew():
    excuses = Excuses()
    counts = [excuses.count("a") for _ in range(2 * EXCUSED_MAX)]
    assert counts == [*range(1, EXCUSED_MAX), 0] * 2


def test_what_was_done_or_failed_for_its_own_sake_begins_anew():
    excuses = Excuses()
    assert not excuses
    for _ in range(EXCUSED_MAX - 1):
        excuses.count("a")
    assert excuses
    excuses.forget("a")
    excuses.forget("unknown")
    assert excuses.count("a") == 1


def test_of_too_many_items_the_first_are_forgotten():
    excuses = Excuses()
    for n in range(ITEMS_MAX + 5):
        excuses.count(str(n))
    assert excuses.count("0") == 1
    assert excuses.count(str(ITEMS_MAX)) == 2
