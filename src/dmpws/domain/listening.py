"""Who listens to the verdicts of the call that is being served.

A refusal only carries what failed. To explain an exchange, passed checks and the time of each step are wanted too,
without every function passing a listener on: it is bound to the thread that serves the call, and mostly absent.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from dmpws.domain.checks import Check


class Listener(Protocol):
    """Hears of one exchange, in order."""

    def checked(self, checks: "Iterable[Check]") -> None:
        """Checks that are final. The same Check may be told twice, alone and in the refusal it led to."""
        ...

    def reached(self, step: str) -> None:
        """A step is over. step: its French name."""
        ...

    def noted(self, facts: Mapping[str, object]) -> None:
        """What is known of the exchange now: the content of its trace."""
        ...

    def hushed(self) -> None:
        """Nothing of what the messages say may be kept."""
        ...


_listener: ContextVar[Listener | None] = ContextVar("dmpws.listener", default=None)


@contextmanager
def heard_by(listener: Listener) -> Iterator[None]:
    """Let `listener` hear what this thread does inside the block."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def tell(checks: "Iterable[Check]") -> None:
    """Tell final checks to who listens."""
    if (listener := _listener.get()) is not None:
        listener.checked(checks)


def reached(step: str) -> None:
    """Tell that a step is over to who listens."""
    if (listener := _listener.get()) is not None:
        listener.reached(step)


def note(facts: Callable[[], Mapping[str, object]]) -> None:
    """Tell what is known of the exchange to who listens; it is worded only then."""
    if (listener := _listener.get()) is not None:
        listener.noted(facts())


def hush() -> None:
    """Tell who listens to keep nothing of what the messages say."""
    if (listener := _listener.get()) is not None:
        listener.hushed()
