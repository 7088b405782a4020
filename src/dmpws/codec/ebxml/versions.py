"""A stored entry read back, and the next version of its metadata (ITI-57)."""

from dataclasses import replace

from dmpws.codec.ebxml import names
from dmpws.codec.ebxml.fragments import registry_object
from dmpws.codec.ebxml.rim import Classification, RimObject, read_object
from dmpws.codec.ebxml.submission import read_entry
from dmpws.domain import oids
from dmpws.domain.checks import Report
from dmpws.domain.code import Code
from dmpws.domain.document import DocumentEntry, StoredEntry
from dmpws.xml.names import RIM
from dmpws.xml.parser import parse


def read_stored(entry: StoredEntry) -> tuple[DocumentEntry, RimObject]:
    """The metadata a stored fragment holds."""
    root = parse(b'<ns4:RegistryObjectList xmlns:ns4="%s">' % RIM.encode() + registry_object(entry) + _END)
    item = read_object(root[0], Report())
    return read_entry(item, Report()), item


_END = b"</ns4:RegistryObjectList>"


def with_visibility(stored: RimObject, submitted: RimObject) -> RimObject:
    """The stored metadata with the visibility codes of the submitted ones, whatever else these say."""
    kept = [c for c in stored.classifications if not is_visibility(c)]
    return replace(stored, classifications=kept + [c for c in submitted.classifications if is_visibility(c)])


def is_visibility(c: Classification, code: str = "") -> bool:
    """Tell whether a Classification is a visibility code, or this one."""
    mask = c.scheme == names.CONFIDENTIALITY_CODE and c.slots.get("codingScheme") == (oids.VISIBILITY,)
    return mask and code in ("", c.representation)


def coded(scheme: str, code: Code) -> Classification:
    """A coded attribute, as a client would have submitted it."""
    slots: dict[str, tuple[str, ...]] = {"codingScheme": (code.system,)}
    return Classification(scheme, "", code.code, slots, ((code.display or code.code, "UTF8", "FR"),))
