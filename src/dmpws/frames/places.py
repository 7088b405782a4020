"""Where in a frame a check found something: path and line."""

import re
from collections.abc import Iterator

from lxml import etree

from dmpws.domain.checks import Check, Outcome
from dmpws.xml.path import path_of

_LONGEST = 300
_PATH = re.compile(r"(?P<path>/[^\s@]+?)(?P<attribute>/@\S+)?(?: \(ligne \d+\))?")
"""A place as path_of writes it. Its line is one of the octets that were judged, the VIHF alone for instance."""
_STEP = re.compile(r"([^\[]+)(?:\[(\d+)\])?")
_IDENTIFYING = ("id", "ID", "Id", "name", "value", "identificationScheme")


class Places:
    """The elements of a frame by what identifies them: an id, a name, a value, or their text."""

    def __init__(self, root: etree._Element) -> None:
        self._root = root
        self._found: dict[str, etree._Element] = {}
        for element in root.iter("*"):
            for text in _identities(element):
                self._found.setdefault(text, element)

    def shown(self, check: Check) -> Check:
        """The check with path and line of the element it speaks of, when it is wrong and that can be told."""
        if check.outcome not in (Outcome.FAILED, Outcome.WARNED):
            return check
        if found := _PATH.fullmatch(check.where):
            return self._with_line(check, found["path"], found["attribute"] or "")
        element = self._element(check)
        if element is None or element.sourceline is None:
            return check
        place = f"ligne {element.sourceline}, {path_of(element)}"
        return check._replace(where=f"{check.where} ({place})" if check.where else place)

    def _with_line(self, check: Check, path: str, attribute: str) -> Check:
        element = self._at(path)
        if element is None or element.sourceline is None:
            return check
        return check._replace(where=f"{path_of(element)}{attribute} (ligne {element.sourceline})")

    def _at(self, path: str) -> etree._Element | None:
        """The element of a path that begins at the root of the frame, above it or below it."""
        steps = [(step[1], int(step[2] or 1)) for part in path[1:].split("/") if (step := _STEP.fullmatch(part))]
        names = [name for name, _ in steps]
        root = etree.QName(self._root).localname
        if root in names:
            node, steps = self._root, steps[names.index(root) + 1 :]
        else:
            found = next(self._root.iter(f"{{*}}{names[0]}"), None)
            if found is None:
                return None
            node, steps = found, steps[1:]
        for name, position in steps:
            twins = list(node.iterchildren(f"{{*}}{name}"))
            if len(twins) < position:
                return None
            node = twins[position - 1]
        return node

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
