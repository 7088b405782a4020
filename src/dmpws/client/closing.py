"""What a `with` closes, in the client kit."""

from types import TracebackType
from typing import Self


class Closing:
    """Closed at the end of the `with` that opened it."""

    def close(self) -> None:
        """Give back what is held."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
