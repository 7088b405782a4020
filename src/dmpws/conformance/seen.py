"""One exchange of the journal, as the detectors look at it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class Seen:
    """An exchange as `GET /journal?facts=yes` tells it; the facts are those of its trace (dmpws.audit.trace) and of
    dmpws.transactions.observed. Whatever is not known is empty."""

    line: Mapping[str, Any]

    @property
    def id(self) -> int:
        """Its number in the journal."""
        return int(self.line["id"])

    @cached_property
    def at(self) -> datetime:
        """Reception, aware."""
        return datetime.fromisoformat(self.line["at"])

    @property
    def facts(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.line.get("facts") or {}
        return found

    def fact(self, group: str, name: str, default: Any = "") -> Any:
        """A fact of a group, such as the authorisation of `standing`."""
        return (self.facts.get(group) or {}).get(name, default)

    @cached_property
    def transactions(self) -> tuple[str, ...]:
        """One, or those that one update made (TD3.3)."""
        return tuple(filter(None, str(self.line["transaction"]).split(", ")))

    @property
    def accepted(self) -> bool:
        return self.facts.get("outcome") == "accepted"

    @property
    def code(self) -> str:
        """Of the refusal; empty when there was none."""
        return str(self.line["code"])

    @property
    def reason(self) -> str:
        """The sentence of the refusal."""
        return str(self.line.get("reason", ""))

    @property
    def patient(self) -> str:
        """INS as `value^authority`."""
        return str(self.line["patient"])

    @property
    def user(self) -> tuple[str, str]:
        """Person and structure."""
        return str(self.line["person"]), str(self.line["structure"])

    @property
    def software(self) -> str:
        """LPS_Nom."""
        return str(self.line["software"])

    @property
    def entries(self) -> Sequence[Mapping[str, Any]]:
        """The documents deposited, read or changed."""
        return self.facts.get("entries") or ()

    @property
    def replaced(self) -> Sequence[Mapping[str, Any]]:
        """The documents that a lot replaces."""
        return self.facts.get("replaced") or ()

    @property
    def changes(self) -> Sequence[Mapping[str, Any]]:
        """Old and new values."""
        return self.facts.get("changes") or ()

    @property
    def parameters(self) -> Mapping[str, Sequence[str]]:
        """Of a search."""
        return self.facts.get("parameters") or {}

    @property
    def documents(self) -> frozenset[str]:
        """uniqueIds of every document it speaks of."""
        named = (*self.entries, *self.replaced, *self.changes, *(self.facts.get("documents") or ()))
        return frozenset(str(one["uniqueId"]) for one in named if one.get("uniqueId"))

    def shown(self) -> str:
        """The exchange in a few French words."""
        what = ", ".join(self.transactions) or str(self.line["path"]).rpartition("/")[2]
        return f"échange {self.id}, {what}"
