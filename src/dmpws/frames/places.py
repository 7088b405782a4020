"""Where in a frame a check found something: path and line."""

from collections.abc import Iterator

from lxml import etree

from dmpws.domain.checks import Check, Outcome
from dmpws.xml.path import path_of

_LONGEST = 300
_IDENTIFYING = ("id", "ID", "Id", "name", "value", "identificationScheme")


class Places:
    """The elements of a frame by what identifies them: an id, a name, a value, or their text."""

    def __init__(self, root: etree._Element) -> None:
        self._found: dict[str, etree._Element] = {}
        for element in root.iter("*"):
            for text in _identities(element):
                self._found.setdefault(text, element)

    def shown(self, check: Check) -> Check:
        """The check with path and line of the element it speaks of, when it is wrong and that can be told."""
        if check.outcome not in (Outcome.FAILED, Outcome.WARNED):
            return check
        element = self._element(check)
        if element is None or element.sourceline is None:
            return check
        place = f"ligne {element.sourceline}, {path_of(element)}"
        return check._replace(where=f"{check.where} ({place})" if check.where else place)

    def _element(self, check: Check) -> etree._Element | None:
        words = (check.where, *check.where.replace(",", " ").split(), check.found)
        return next((self._found[word] for word in words if word in self._found), None)


def _identities(element: etree._Element) -> Iterator[str]:
    for name in _IDENTIFYING:
        if value := element.get(name):
            yield value
    text = (element.text or "").strip()
    if text and len(text) <= _LONGEST:
        yield text
