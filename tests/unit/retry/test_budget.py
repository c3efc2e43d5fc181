"""How many retries a host is owed."""

import random

from outlast.retry.budget import Budget


def spent(budget, failures):
    for _ in range(failures):
        budget.failed()
    return budget


def test_a_fresh_budget_allows_fifty_failures_and_not_one_more():
    assert spent(Budget(), 49).allows
    assert not spent(Budget(), 50).allows


def test_two_successes_pay_for_one_failure():
    budget = spent(Budget(), 50)
    budget.succeeded()
    assert budget.allows
    budget.failed()
    budget.succeeded()
    assert not budget.allows
    budget.succeeded()
    assert budget.allows


def test_it_is_never_overdrawn_and_never_more_than_full():
    budget = spent(Budget(), 1_000)
    assert budget.tokens == 0
    for _ in range(101):
        budget.succeeded()
    assert budget.allows, "a long outage must not be paid off for ever"
    for _ in range(1_000):
        budget.succeeded()
    assert budget.tokens == budget.size == 100
    odd = spent(Budget(1.25), 2)
    for _ in range(3):
        odd.succeeded()
    assert odd.tokens == 1.25


def test_a_smaller_budget_has_its_floor_at_half_of_it():
    assert spent(Budget(10), 4).allows
    assert not spent(Budget(10), 5).allows


def sent_per_call(failing, *, calls=5_000, attempts_max=4):
    chance, budget, sent = random.Random(1), Budget(), 0
    for _ in range(calls):
        for _ in range(attempts_max):
            sent += 1
            if chance.random() >= failing:
                budget.succeeded()
                break
            budget.failed()
            if not budget.allows:
                break
    return sent / calls


def test_every_useful_retry_is_kept_up_to_three_failures_in_ten_and_none_is_sent_into_an_outage():
    assert sent_per_call(0.3) > 1.4
    assert sent_per_call(1.0) < 1.02
