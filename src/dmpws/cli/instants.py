"""Instants, as options give them."""

from datetime import UTC, datetime

from dmpws.cli import EXIT_USAGE, Failure


def instant_of(text: str | None) -> datetime | None:
    """The instant of an option, UTC when it names no zone; None without the option. Raises Failure."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Failure(f"{text}: an instant is 2026-11-21 or 2026-11-21T12:00:00Z", EXIT_USAGE) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
