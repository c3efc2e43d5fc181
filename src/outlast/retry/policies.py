"""The policies in force, by id: replaced as a whole, so that a call under way keeps the one it began with."""

from dataclasses import replace

from outlast.errors import RetryPolicyNotFoundError
from outlast.failure.checks import not_there
from outlast.retry.jitter import Jitter
from outlast.retry.policy import RetryPolicy, shipped_policies

__all__ = ["DEFAULT", "Policies"]

DEFAULT = "default"
"""The id that stands for `RetryConfiguration.default_policy`, unless a policy was created under it."""


class Policies:
    """The shipped policies, and those that are kept here.

    `unhurried` holds those under which a first attempt needs no look at the clock; without `hurry_allowed` it stays empty.
    """

    def __init__(self, *, default: str, jitter: bool, enabled: bool, hurry_allowed: bool = True) -> None:
        self.enabled = enabled
        self.unhurried: dict[str, RetryPolicy] = {}
        self._default = default
        self._jitter = jitter
        self._hurry_allowed = hurry_allowed and enabled
        self._policies: dict[str, RetryPolicy] = {}
        for policy in shipped_policies():
            self.keep(policy)

    def keep(self, policy: RetryPolicy) -> bool:
        """Put it in force. Whether it has replaced another one."""
        known = policy.id in self._policies
        kept = policy if self._jitter else replace(policy, jitter=Jitter.NONE)
        self._policies[policy.id] = kept
        self.unhurried.pop(policy.id, None)
        if self._hurry_allowed and kept.attempt_timeout is None and kept.max_elapsed is None:
            self.unhurried[policy.id] = kept
        return known

    def get(self, policy_id: str) -> RetryPolicy:
        """Raises `RetryPolicyNotFoundError`, which names the nearest id there is."""
        wanted = policy_id
        if wanted == DEFAULT and DEFAULT not in self._policies:
            wanted = self._default
        found = self._policies.get(wanted)
        if found is None:
            raise RetryPolicyNotFoundError(
                not_there("retry policy", wanted, self._policies),
                context={"policy_id": wanted, "known": sorted(self._policies)},
            )
        return found
