"""Coded values of CDA level 3 entries, shared by what the kit reads out of structured documents."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from lxml import etree

from dmpws.domain.code import Code
from dmpws.xml.names import HL7, XSI
from dmpws.xml.text import text_of

H = f"{{{HL7}}}"
XSI_TYPE = f"{{{XSI}}}type"


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number and its unit (UCUM), empty when there is none."""

    value: Decimal
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Interval:
    """Between two quantities; None: open at that end."""

    low: Quantity | None = None
    high: Quantity | None = None
    low_inclusive: bool = True
    high_inclusive: bool = True


Value = Quantity | Interval | Code | str | None


class Labels:
    """The words of a document's narrative, which entries refer to by ID."""

    def __init__(self, document: etree._Element) -> None:
        self._by_id: dict[str, str] = {}
        narratives = (text for section in document.iter(f"{H}section") for text in section.findall(f"{H}text"))
        for element in (element for text in narratives for element in text.iter(tag=etree.Element)):
            if name := element.get("ID"):
                self._by_id.setdefault(name, " ".join(text_of(element).split()))

    def of(self, element: etree._Element | None) -> str:
        """What people read for a coded element: the narrative it refers to, its own text, or its displayName."""
        if element is None:
            return ""
        original = element.find(f"{H}originalText")
        return self.text(original) or element.get("displayName", "").strip()

    def text(self, element: etree._Element | None) -> str:
        """The words of a text element, or those it refers to."""
        if element is None:
            return ""
        reference = element.find(f"{H}reference")
        known = self._by_id.get(reference.get("value", "").removeprefix("#"), "") if reference is not None else ""
        return known or " ".join(text_of(element).split())


def code_of(element: etree._Element | None) -> Code | None:
    """The code of an element; None when it has none."""
    if element is None or not element.get("code"):
        return None
    return Code(element.get("code", ""), element.get("codeSystem", ""), element.get("displayName", ""))


def quantity_of(element: etree._Element | None) -> Quantity | None:
    """A PQ, INT or REAL; None when it is no finite number."""
    if element is None:
        return None
    try:
        value = Decimal(element.get("value", ""))
    except InvalidOperation:
        return None
    return Quantity(value, element.get("unit", "")) if value.is_finite() else None


def interval_of(element: etree._Element) -> Interval | None:
    """An IVL of quantities; None when it has neither end."""
    low, high = element.find(f"{H}low"), element.find(f"{H}high")
    found = Interval(quantity_of(low), quantity_of(high), _inclusive(low), _inclusive(high))
    return found if found.low or found.high else None


def _inclusive(element: etree._Element | None) -> bool:
    return element is None or element.get("inclusive", "true") not in ("false", "0")


def value_of(element: etree._Element | None, labels: Labels) -> Value:
    """A value by its xsi:type; a type that is not known, and a code that is missing, as the text people read."""
    if element is None or element.get("nullFlavor"):
        return labels.of(element) or None
    kind = element.get(XSI_TYPE, "").rpartition(":")[2]
    if kind in ("PQ", "INT", "REAL"):
        return quantity_of(element)
    if kind in ("IVL_PQ", "IVL_INT", "IVL_REAL"):
        return interval_of(element)
    return code_of(element) or labels.of(element) or element.get("value") or labels.text(element) or None


def times_of(element: etree._Element | None) -> tuple[str, str]:
    """Start and stop of an effectiveTime as written (HL7 times, of any precision); a single value is both."""
    if element is None:
        return "", ""
    if value := element.get("value"):
        return value, value
    low, high = element.find(f"{H}low"), element.find(f"{H}high")
    return (low.get("value", "") if low is not None else ""), (high.get("value", "") if high is not None else "")


def id_of(element: etree._Element) -> str:
    """`root`, or `root^extension`, of an entry; empty when it has none."""
    found = element.find(f"{H}id")
    if found is None:
        return ""
    return f"{found.get('root', '')}^{found.get('extension', '')}".rstrip("^")


def templates_of(element: etree._Element) -> frozenset[str]:
    return frozenset(t.get("root", "") for t in element.findall(f"{H}templateId"))
