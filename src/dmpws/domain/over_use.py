"""Over-use: how many searches one user or one software may make in a while (GI-DMP EX_3.1-2035, DMPWS D138)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

PARTS = 60
"""A window is counted by its sixtieths, so that it slides and a counter stays small."""

Recent = tuple[tuple[int, int], ...]
"""Beginnings of parts, in seconds since 1970, oldest first, each with its number of searches."""


class Counted(StrEnum):
    """Who is counted, in the order in which their counters are taken."""

    USER = "user"
    SOFTWARE = "software"


@dataclass(frozen=True, slots=True)
class Threshold:
    """At most `most` searches in `window` by one `key`: a NameID, or an approval number."""

    who: Counted
    key: str
    most: int
    window: timedelta

    def remembered(self, recent: Sequence[Sequence[int]], now: datetime) -> Recent:
        """The parts that still count."""
        oldest = now.timestamp() - self.window.total_seconds()
        return tuple((start, count) for start, count in recent if start > oldest)

    def reached(self, recent: Recent) -> bool:
        """Whether there is no room for one more. recent: what is remembered."""
        return sum(count for _, count in recent) >= self.most

    def free_at(self, recent: Recent) -> datetime:
        """When there is room again, aware UTC. recent: what is remembered, and too much."""
        left = sum(count for _, count in recent)
        for start, count in recent:
            left -= count
            if left < self.most:
                return datetime.fromtimestamp(start, UTC) + self.window
        raise ValueError("a threshold of nothing is never free")

    def with_one_more(self, recent: Recent, now: datetime) -> Recent:
        """What is remembered after a search at `now`."""
        length = max(1, int(self.window.total_seconds()) // PARTS)
        start = int(now.timestamp()) // length * length
        counts = dict(recent)
        counts[start] = counts.get(start, 0) + 1
        return tuple(sorted(counts.items()))
