"""Rectification of a document's metadata by the host: before, after, who and why are in the traces (DMPWS D151).

The document itself is its author's, who replaces it (TD2.1).
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date

from dmpws.acts.actor import ActorKind
from dmpws.acts.desk import Desk, Kind
from dmpws.acts.metadata import document_of, store_version
from dmpws.codec.ebxml import names
from dmpws.codec.ebxml.rim import RimObject
from dmpws.codec.ebxml.versions import coded, read_stored
from dmpws.codec.value_sets import value_sets
from dmpws.domain.checks import Rule, refusal
from dmpws.domain.code import Code
from dmpws.domain.datatypes import is_dtm
from dmpws.domain.document import DocumentEntry
from dmpws.domain.lot.metadata import LONGEST_TITLE
from dmpws.domain.patient import Ins
from dmpws.domain.value_sets import Attribute
from dmpws.domain.visibility import Owner

FIELD = Rule("RECTIFY-FIELD", "La donnée est de celles qui se rectifient", "DMPWS D151", "DMPInvalidRequest")
VALUE = Rule("RECTIFY-VALUE", "La nouvelle valeur est recevable", "DMPWS D151", "DMPInvalidRequest")

RECTIFY_DOCUMENT = Kind(
    "act:rectify-document", "Rectification des métadonnées d'un document", frozenset({ActorKind.OPERATOR}), motive=True
)


@dataclass(frozen=True, slots=True)
class _Field:
    """How an attribute is read from the metadata, checked, and written into the stored object."""

    read: Callable[[DocumentEntry], str]
    write: Callable[[RimObject, str, date], None]


def rectify_document(desk: Desk, ins: Ins, unique_id: str, values: Mapping[str, str]) -> bool:
    """Rectify metadata of a document, by attribute (DOCUMENT_FIELDS), in a new version that keeps the old one.

    False when they were so already. classCode follows from typeCode. Raises Refused.
    """
    with desk.act(RECTIFY_DOCUMENT, ins) as act:
        require_fields(values, DOCUMENT_FIELDS)
        current = document_of(act, unique_id, Owner.PATIENT)
        entry, item = read_stored(current)
        changed = False
        for name, value in values.items():
            old = DOCUMENT_FIELDS[name].read(entry)
            if old == value:
                continue
            DOCUMENT_FIELDS[name].write(item, value, act.now.date())
            act.note(f"{unique_id} {name}", old, value)
            changed = True
        if changed:
            store_version(act, current, item, title=RECTIFY_DOCUMENT.title)
        return changed


def require_fields(values: Mapping[str, str], known: Collection[str]) -> None:
    """Raises Refused when a field is not one of those known, or when there is none."""
    unknown = [name for name in values if name not in known]
    if unknown or not values:
        raise refusal(FIELD, expected=", ".join(known), found=", ".join(unknown)[:100] or "rien")


def _title(item: RimObject, value: str, _today: date) -> None:
    if not 0 < len(value) <= LONGEST_TITLE:
        raise refusal(VALUE, expected=f"1 à {LONGEST_TITLE} caractères", found=f"title, {len(value)}")
    item.names = ((value, "UTF8", "FR"),)


def _comments(item: RimObject, value: str, _today: date) -> None:
    item.descriptions = ((value, "UTF8", "FR"),) if value else ()


def _time(slot: str) -> _Field:
    def write(item: RimObject, value: str, _today: date) -> None:
        if not is_dtm(value):
            raise refusal(VALUE, expected="AAAA[MM[JJ[hh[mm[ss]]]]] (UTC)", found=f"{slot} {value[:20]}")
        item.slots[slot] = (value,)

    attribute = {"serviceStartTime": "service_start", "serviceStopTime": "service_stop"}[slot]
    return _Field(lambda entry: str(getattr(entry, attribute)), write)


def _code(attribute: Attribute, scheme: str, name: str) -> _Field:
    def write(item: RimObject, value: str, today: date) -> None:
        found = _member(attribute, value, today)
        _replace(item, scheme, found)
        if attribute is Attribute.TYPE and (class_code := value_sets().class_of(found)) is not None:
            _replace(item, names.CLASS_CODE, class_code)

    def read(entry: DocumentEntry) -> str:
        code: Code | None = getattr(entry, name)
        return code.code if code is not None else ""

    return _Field(read, write)


def _member(attribute: Attribute, value: str, today: date) -> Code:
    values = value_sets()
    for code, system in values.sets[attribute]:
        if code == value and values.accepts(attribute, code, system, today=today, guide=""):
            return values.sets[attribute][code, system].code
    raise refusal(VALUE, expected=f"un code de {attribute.value}", found=value[:100])


def _replace(item: RimObject, scheme: str, code: Code) -> None:
    item.classifications = [c for c in item.classifications if c.scheme != scheme] + [coded(scheme, code)]


DOCUMENT_FIELDS: Mapping[str, _Field] = {
    "title": _Field(lambda entry: entry.title, _title),
    "comments": _Field(lambda entry: entry.comments, _comments),
    "typeCode": _code(Attribute.TYPE, names.TYPE_CODE, "type_code"),
    "practiceSettingCode": _code(Attribute.PRACTICE_SETTING, names.PRACTICE_SETTING, "practice_setting"),
    "healthcareFacilityTypeCode": _code(Attribute.FACILITY_TYPE, names.FACILITY_TYPE, "facility_type"),
    "serviceStartTime": _time("serviceStartTime"),
    "serviceStopTime": _time("serviceStopTime"),
}
