"""TD3.3 and ITI-57 from the client's side: the messages that change a status or the metadata of a document."""

import copy
import itertools
from collections.abc import Iterable

from lxml import etree
from lxml.builder import ElementMaker

from dmpws.codec.ebxml import names
from dmpws.codec.ebxml.writing import association, classification, registry_package
from dmpws.domain import oids
from dmpws.domain.code import Code
from dmpws.domain.document import HAS_MEMBER, UPDATE_STATUS, Association, Status, SubmissionSet
from dmpws.xml.names import LCM, RIM

DOCUMENT_ID = "Document01"

_L = ElementMaker(namespace=LCM, nsmap={"lcm": LCM, None: RIM})
_R = ElementMaker(namespace=RIM, nsmap={None: RIM})
_RIM = f"{{{RIM}}}"
_DISPLAYS = {
    "MASQUE_PS": "Masqué aux professionnels de santé",
    "INVISIBLE_PATIENT": "Non visible par le patient",
    "INVISIBLE_REPRESENTANTS_LEGAUX": "Non visible par les représentants légaux du patient",
}


def status_request(lot: SubmissionSet, entry_uuid: str, old: Status, new: Status) -> etree._Element:
    """TD3.3c and TD3.3d: ask for another status of the current version of a document."""
    slots = {"OriginalStatus": (old,), "NewStatus": (new,)}
    return _request(lot, association(Association("association1", UPDATE_STATUS, lot.id, entry_uuid, slots)))


def metadata_request(lot: SubmissionSet, entry: etree._Element, visibility: Iterable[str]) -> etree._Element:
    """TD3.3a and TD3.3b: a new version of the metadata, with these visibility codes and no other.

    entry: the ExtrinsicObject that TD3.1 answered. Raises ValueError when it has no version.
    """
    new = renamed(entry)
    _put_visibility(new, visibility)
    return version_request(lot, new)


def version_request(lot: SubmissionSet, new: etree._Element) -> etree._Element:
    """Build an update that is a new version of metadata. new: made of what a query answered, by `renamed`.

    Raises ValueError when it has no version.
    """
    version = new.find(f"{_RIM}VersionInfo")
    if version is None:
        raise ValueError("the entry has no VersionInfo")
    slots = {"SubmissionSetStatus": ("Original",), "PreviousVersion": (version.get("versionName", ""),)}
    member = Association("association1", HAS_MEMBER, lot.id, DOCUMENT_ID, slots)
    return _request(lot, new, association(member))


def _request(lot: SubmissionSet, *objects: etree._Element) -> etree._Element:
    package = registry_package(lot, itertools.count(1))
    return _L.SubmitObjectsRequest(_R.RegistryObjectList(package, *objects))


def renamed(entry: etree._Element) -> etree._Element:
    """A copy of an ExtrinsicObject under the id of a message."""
    new = copy.deepcopy(entry)
    new.set("id", DOCUMENT_ID)
    for element in new:
        for name in {"classifiedObject", "registryObject"} & set(map(str, element.attrib)):
            element.set(name, DOCUMENT_ID)
    return new


def put_text(new: etree._Element, name: str, text: str) -> None:
    """Give Name or Description another text; empty takes it away."""
    tag = f"{_RIM}{name}"
    for element in new.findall(tag):
        new.remove(element)
    if text:
        after = {f"{_RIM}Slot"} | ({f"{_RIM}Name"} if name == "Description" else set())
        place = sum(1 for element in new if element.tag in after)
        new.insert(place, _R(name, _R.LocalizedString(value=text)))


def _put_visibility(new: etree._Element, visibility: Iterable[str]) -> None:
    place = len(new)
    for element in new.findall(f"{_RIM}Classification[@classificationScheme='{names.CONFIDENTIALITY_CODE}']"):
        if element.findtext(f".//{_RIM}Value") == oids.VISIBILITY:
            new.remove(element)
        else:
            place = new.index(element) + 1
    numbers = itertools.count(1000)
    for code in sorted(visibility):
        coded = Code(code, oids.VISIBILITY, _DISPLAYS[code])
        new.insert(place, classification(names.CONFIDENTIALITY_CODE, DOCUMENT_ID, coded, numbers))
