"""When a run that died is begun again."""

import signal

import pytest

from outlast.cli.lives import DELAY_MAX, LONG_LIFE, UNBORN_MAX, Again, Death, Lives, Over, told_death
from outlast.cli.once import Once
from outlast.jobs import ExitCode


def died(status=-signal.SIGKILL, seconds=1.0, *, begun=True, ended=False, asked=False):
    return Death(status=status, seconds=seconds, begun=begun, ended=ended, asked=asked)


@pytest.mark.parametrize("code", ExitCode)
def test_an_ending_of_outlast_is_no_death(code):
    assert Lives().after(died(int(code), ended=True)) == Over(code)


@pytest.mark.parametrize("code", ExitCode)
def test_a_library_that_ends_the_process_with_such_a_code_has_not_ended_the_run(code):
    assert isinstance(Lives().after(died(int(code))), Again)
    assert Lives().after(died(0, asked=True)) == Over(ExitCode.BUG)


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"])
def test_who_is_asked_to_stop_stays_stopped(number):
    number = getattr(signal, number)
    assert Lives().after(died(-number)) == Over(128 + number)


def test_who_is_killed_while_it_stops_stays_stopped():
    assert Lives().after(died(asked=True)) == Over(137)
    assert Lives().after(died(99, asked=True)) == Over(99)


@pytest.mark.parametrize("status", [-signal.SIGKILL, -signal.SIGSEGV, -signal.SIGABRT, 99, 255])
def test_a_death_is_followed_by_a_life(status):
    assert isinstance(Lives().after(died(status)), Again)


def after(lives, *deaths):
    delays = []
    for death in deaths:
        again = lives.after(death)
        delays.append(again.delay)
        lives = again.lives
    return delays, lives


def test_the_delays_double_up_to_a_bound_and_begin_anew_after_a_long_life():
    delays, lives = after(Lives(), *[died()] * 40)
    assert delays[:8] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert max(delays) == DELAY_MAX
    assert after(lives, died(seconds=LONG_LIFE), died())[0] == [1, 2]
    assert lives.deaths == 40


def test_what_dies_before_it_begins_is_given_up():
    _, lives = after(Lives(), *[died(begun=False)] * (UNBORN_MAX - 1))
    assert lives.after(died(begun=False)) == Over(ExitCode.BUG, in_vain=True)
    assert not lives.begun  # what is meant for the first life is still to be done
    _, lives = after(lives, died(begun=True))
    assert lives.begun
    assert isinstance(lives.after(died(begun=False)), Again)


def test_how_it_died_is_told():
    assert told_death(-9) == "was killed by SIGKILL"
    assert told_death(-50) == "was killed by signal 50"
    assert told_death(0) == "was ended with exit code 0 by the code that it runs"
    assert told_death(99) == "ended with exit code 99, which is none of outlast's"


def test_a_run_that_is_begun_again_does_not_start_over_again():
    once = Once(fresh=True, release_hold=True, exit_zero=True, require_same_code=True)
    assert once.again() == Once(exit_zero=True, require_same_code=True)
