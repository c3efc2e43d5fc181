"""The policies in force, by id: replaced as a whole, so that a job under way keeps the one it began with."""

from outlast.abort.policy import AbortPolicy, shipped_policies
from outlast.errors import AbortPolicyNotFoundError
from outlast.failure.checks import not_there

__all__ = ["DEFAULT", "Policies"]

DEFAULT = "default"
"""The id that stands for `AbortConfiguration.default_policy`, unless a policy was created under it."""


class Policies:
    """The shipped policies, and those that are kept here."""

    def __init__(self, *, default: str) -> None:
        self._default = default
        self._is_default_own = False
        self._policies = {policy.id: policy for policy in shipped_policies()}

    def keep(self, policy: AbortPolicy) -> bool:
        """Put it in force. Whether it has replaced another one."""
        known = policy.id in self._policies
        self._policies[policy.id] = policy
        self._is_default_own = self._is_default_own or policy.id == DEFAULT
        return known

    def get(self, policy_id: str) -> AbortPolicy:
        """Raises `AbortPolicyNotFoundError`, which names those there are and the nearest."""
        wanted = self._default if policy_id == DEFAULT and not self._is_default_own else policy_id
        found = self._policies.get(wanted) if isinstance(wanted, str) else None
        if found is None:
            raise AbortPolicyNotFoundError(
                not_there("abort policy", wanted, self._policies),
                context={"policy_id": wanted, "known": sorted(self._policies)},
            )
        return found
