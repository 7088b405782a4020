"""Actions at the same moment, for tests of races."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from operator import attrgetter

from dmpws.domain.checks import Refused


def rule_of(refused: Refused) -> str:
    """The rule that was broken first."""
    return refused.checks[0].rule.id


def together(
    actions: Sequence[Callable[[], object]], stopped_by: Callable[[Refused], str] = attrgetter("code")
) -> Counter[object]:
    """Run actions at once, each in a thread; count what they gave, what `stopped_by` says of refusals, and errors."""
    barrier = threading.Barrier(len(actions))

    def run(action: Callable[[], object]) -> object:
        barrier.wait(120)
        try:
            return action()
        except Refused as refused:
            return stopped_by(refused)
        except Exception as error:
            return repr(error)

    with ThreadPoolExecutor(len(actions)) as pool:
        return Counter(pool.map(run, actions))
