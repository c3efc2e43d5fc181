"""What a breach is for others: which bound is broken, by how much, since when."""

from dataclasses import dataclass

from outlast.resource.hysteresis import Standing

__all__ = ["Breach", "breach_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """A bound that is broken now. `since` is monotonic, times are seconds; `value` is the last one known."""

    threshold_id: str
    name: str
    metric: str
    limit: float
    value: float | None
    peak: float
    since: float
    duration: float
    samples: int
    is_critical: bool


def breach_of(threshold_id: str, standing: Standing, now: float) -> Breach:
    """The breach that a rule stands in; it must be in one."""
    episode = standing.episode
    assert episode is not None, "what is breached has begun"
    return Breach(
        threshold_id=threshold_id,
        name=standing.rule.name,
        metric=standing.rule.metric,
        limit=standing.rule.limit,
        value=standing.value,
        peak=episode.peak,
        since=episode.since,
        duration=max(0.0, now - episode.since),
        samples=episode.samples,
        is_critical=episode.is_critical,
    )
