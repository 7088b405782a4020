"""Comparing two contracts: names, bindings, policies, operations, actions, and what each message may hold."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from lxml import etree

from dmpws.soap.inspection.documents import Documents
from dmpws.soap.inspection.facts import Facts, Operation, facts_of
from dmpws.soap.inspection.types import Content, Declared, Simple, Types

ABSENT = "(absent)"
_LONGEST = 200


class Kind(StrEnum):
    """What a difference is about."""

    SERVICE = "service"
    BINDING = "binding"
    POLICY = "policy"
    OPERATION = "operation"
    ACTION = "action"
    MESSAGE = "message"
    ELEMENT = "element"
    ATTRIBUTE = "attribute"
    TYPE = "type"


@dataclass(frozen=True, slots=True)
class Difference:
    """where: operation and fact, or path in a message. here, there: what each contract says."""

    kind: Kind
    where: str
    here: str
    there: str


@dataclass(frozen=True, slots=True)
class Contract:
    """A contract, taken apart."""

    facts: Facts
    types: Types

    @classmethod
    def of(cls, documents: Documents) -> "Contract":
        """Raises ValueError for a WSDL that holds together in no way."""
        return cls(facts_of(documents), Types(documents.schemas))

    @property
    def describes(self) -> tuple[str, str]:
        """Namespace and port type: the same for two contracts of one service."""
        return self.facts.namespace, self.facts.port_type


def differences(here: Contract, there: Contract) -> Iterator[Difference]:
    """Every difference. A type that both use in several places is compared once, where it is met first."""
    yield from _facts("", here.facts.binding, there.facts.binding, Kind.BINDING)
    compared: set[tuple[object, object]] = set()
    for name in _both(here.facts.operations, there.facts.operations):
        ours, theirs = here.facts.operations.get(name), there.facts.operations.get(name)
        if ours is None or theirs is None:
            yield Difference(Kind.OPERATION, name, *("present" if o else ABSENT for o in (ours, theirs)))
            continue
        yield from _facts(name, ours.facts, theirs.facts, Kind.OPERATION)
        yield from _messages(name, ours, theirs, _Walk(here.types, there.types, compared))


def _facts(operation: str, here: Mapping[str, str], there: Mapping[str, str], kind: Kind) -> Iterator[Difference]:
    for name in _both(here, there):
        ours, theirs = here.get(name) or ABSENT, there.get(name) or ABSENT
        if ours != theirs:
            what = Kind.POLICY if name == "policy" else Kind.ACTION if "Action" in name else kind
            yield Difference(what, f"{operation}, {name}" if operation else name, ours, theirs)


def _messages(name: str, ours: Operation, theirs: Operation, walk: "_Walk") -> Iterator[Difference]:
    for end in _both(ours.messages, theirs.messages):
        here, there = ours.messages.get(end, ABSENT), theirs.messages.get(end, ABSENT)
        if here != there:
            yield Difference(Kind.MESSAGE, f"{name}, {end}", here, there)
        else:
            yield from walk.message(here)


class _Walk:
    """Goes down one message in both schemas at once."""

    def __init__(self, here: Types, there: Types, compared: set[tuple[object, object]]) -> None:
        self._here = here
        self._there = there
        self._compared = compared

    def message(self, name: str) -> Iterator[Difference]:
        """The differences of a global element."""
        ours, theirs = self._here.element(name), self._there.element(name)
        path = f"/{_local(name)}"
        if ours is None or theirs is None:
            if ours is not theirs:
                yield Difference(Kind.ELEMENT, path, *("declared" if e else ABSENT for e in (ours, theirs)))
            return
        yield from self._element(path, ours, theirs)

    def _element(self, path: str, ours: Declared, theirs: Declared) -> Iterator[Difference]:
        waiting = deque([(path, ours, theirs)])
        while waiting:
            path, ours, theirs = waiting.popleft()
            (our_type, here), (their_type, there) = self._here.type_of(ours), self._there.type_of(theirs)
            pair = (our_type, their_type)
            if None not in pair and pair in self._compared:
                continue
            self._compared.add(pair)
            yield from _texts(path, here, there)
            yield from _attributes(path, here.attributes, there.attributes)
            for name in _both(here.children, there.children):
                inner = f"{path}/{_local(name)}"
                mine, other = here.children.get(name), there.children.get(name)
                times = [str(child[0]) if child else ABSENT for child in (mine, other)]
                if times[0] != times[1]:
                    yield Difference(Kind.ELEMENT, inner, *times)
                if mine and other:
                    waiting.append((inner, mine[1], other[1]))


def _texts(path: str, here: Content, there: Content) -> Iterator[Difference]:
    if (here.text, here.mixed) != (there.text, there.mixed):
        yield Difference(Kind.TYPE, path, _text(here, there), _text(there, here))
    if here.anything != there.anything:
        yield Difference(Kind.ELEMENT, f"{path}/*", *("anything" if c.anything else ABSENT for c in (here, there)))


def _text(content: Content, other: Content) -> str:
    if content.mixed:
        return "text between the elements"
    if content.text is None:
        return "no text"
    return _beside(content.text, other.text)


def _beside(one: Simple, other: Simple | None) -> str:
    """A type, as it differs from another: of two lists of values, only what the other has not."""
    if one.values is None or other is None or other.values is None:
        return _short(str(one))
    common = len(one.values & other.values)
    own = ", ".join(sorted(one.values - other.values))
    return _short(f"{one.base} {{{own}}}" + (f" and {common} in common" if common else ""))


def _attributes(
    path: str, here: Mapping[str, tuple[str, Simple]], there: Mapping[str, tuple[str, Simple]]
) -> Iterator[Difference]:
    for name in _both(here, there):
        where = f"{path}/@{_local(name)}"
        ours, theirs = here.get(name), there.get(name)
        if ours is None or theirs is None:
            yield Difference(Kind.ATTRIBUTE, where, *(a[0] if a else ABSENT for a in (ours, theirs)))
            continue
        if ours[0] != theirs[0]:
            yield Difference(Kind.ATTRIBUTE, where, ours[0], theirs[0])
        if ours[1] != theirs[1]:
            yield Difference(Kind.TYPE, where, _beside(ours[1], theirs[1]), _beside(theirs[1], ours[1]))


def _both(here: Mapping[str, object], there: Mapping[str, object]) -> Iterator[str]:
    """Every name of either, in the order of the first."""
    yield from here
    yield from (name for name in there if name not in here)


def _local(name: str) -> str:
    return etree.QName(name).localname


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
