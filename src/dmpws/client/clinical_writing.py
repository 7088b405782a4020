"""Coded values of CDA level 3 entries, shared by what writes structured documents."""

from collections.abc import Iterator
from typing import Any

from lxml import etree

from dmpws.client.clinical import XSI_TYPE, Interval, Quantity, Value
from dmpws.codec.cda_writing import E, coded
from dmpws.domain.code import Code


def quantity(tag: str, amount: Quantity) -> Any:
    """A PQ."""
    made = E(tag, value=format(amount.value, "f"))
    if amount.unit:
        made.set("unit", amount.unit)
    return made


def ends(interval: Interval) -> Iterator[Any]:
    """The low and high of an IVL_PQ, as far as they are known."""
    for tag, end, inclusive in (
        ("low", interval.low, interval.low_inclusive),
        ("high", interval.high, interval.high_inclusive),
    ):
        if end is not None:
            made = quantity(tag, end)
            if not inclusive:
                made.set("inclusive", "false")
            yield made


def value(found: Value) -> list[etree._Element]:
    """The value element of an observation, with its xsi:type; none without value."""
    if found is None:
        return []
    if isinstance(found, Quantity):
        made, kind = quantity("value", found), "PQ"
    elif isinstance(found, Interval):
        made, kind = E.value(*ends(found)), "IVL_PQ"
    elif isinstance(found, Code):
        made, kind = coded(E.value, found), "CD"
    else:
        made, kind = E.value(found), "ST"
    made.set(XSI_TYPE, kind)
    return [made]
