"""A code of a value set."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """`code` in the code system `system` (an OID, or a literal such as `URN`); `display` is never compared."""

    code: str
    system: str
    display: str = ""

    def same(self, other: "Code") -> bool:
        return (self.code, self.system) == (other.code, other.system)
