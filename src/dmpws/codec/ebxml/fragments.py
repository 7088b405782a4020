"""Registry objects in the form answers carry them, made once at submission and never rebuilt on read.

A fragment is everything of the element after its opening tag, which alone may change afterwards (status):
`opening + fragment` is the element. The form is that of the official answer (DMP-FRAME TD3.1): attributes and
slots by name, classifications by the attribute they carry, every inner object with a UUID of its own. The
prefix `ns4` is declared on the root of the answer.
"""

import html
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from uuid import uuid4

from dmpws.codec.ebxml import names
from dmpws.codec.ebxml.rim import Classification, Identifier, RimObject, Text
from dmpws.domain.datatypes import Cx, format_dtm
from dmpws.domain.document import Association, StoredEntry
from dmpws.domain.packages import RegistryObject, StoredAssociation, StoredFolder, StoredSet
from dmpws.domain.patient import Ins

NewUuid = Callable[[], str]
LAST_UPDATE = "lastUpdateTime"
_OBJECT_TYPE = names.OBJECT_TYPE.encode()
_OFFLINE = f'<ns4:Slot name="documentAvailability"><ns4:ValueList><ns4:Value>{names.OFFLINE}</ns4:Value>'.encode()
_PATIENT_IDS = "|".join((names.PATIENT_ID, names.SET_PATIENT_ID, names.FOLDER_PATIENT_ID))
_PATIENT_ID = re.compile(f'(identificationScheme="(?:{_PATIENT_IDS})" registryObject="[^"]*" value=")([^"]*)'.encode())

_special = re.compile(r'[&<>"\t\n\r]').search  # nearly no text has any: schemes, ids, codes


def attribute(text: str) -> str:
    """`text` as the value of an XML attribute, between double quotes."""
    if _special(text) is None:
        return text
    return content(text).replace('"', "&quot;").replace("\t", "&#9;").replace("\n", "&#10;")


def content(text: str) -> str:
    """`text` as XML character data."""
    if _special(text) is None:
        return text
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")


def entry_fragment(
    item: RimObject, entry_uuid: str, *, hash_: str, size: int, repository: str, version: int, new_uuid: NewUuid
) -> bytes:
    """Return the fragment of an ExtrinsicObject whose final id is `entry_uuid`.

    hash_, size and repository replace what was submitted (ITI TF-2 3.41.4.1.3).
    """
    computed = {"hash": (hash_,), "size": (str(size),), "repositoryUniqueId": (repository,)}
    text = _inside(item, item.slots | computed, entry_uuid, _version_info(version), new_uuid)
    return f"{text}</ns4:ExtrinsicObject>".encode()


def set_fragment(item: RimObject, set_uuid: str, *, new_uuid: NewUuid) -> bytes:
    """Return the fragment of the RegistryPackage of a lot, whose final id is `set_uuid`."""
    text = _inside(item, item.slots, set_uuid, _version_info(1), new_uuid)
    return f"{text}</ns4:RegistryPackage>".encode()


def folder_fragment(item: RimObject, folder_uuid: str, *, new_uuid: NewUuid, version: int = 1) -> bytes:
    """Return the fragment of a folder without its lastUpdateTime, which the registry gives at each answer."""
    slots = {name: values for name, values in item.slots.items() if name != LAST_UPDATE}
    text = _inside(item, slots, folder_uuid, _version_info(version), new_uuid)
    return f"{text}</ns4:RegistryPackage>".encode()


def association_fragment(
    item: Association, submitted: RimObject | None = None, new_uuid: NewUuid = lambda: str(uuid4())
) -> bytes:
    """Return the fragment of an Association; `submitted` gives its names and classifications."""
    text = _inside(submitted or RimObject(item.id, {}), item.slots, item.id, _version_info(1), new_uuid)
    return f"{text}</ns4:Association>".encode()


def registry_object(item: RegistryObject) -> bytes:
    """Return the element of a stored object, as it is now."""
    return _OPENINGS[type(item)](item).encode() + item.fragment


def typed_object(item: RegistryObject) -> bytes:
    """The same with the objectType of the inner objects, which IHE requires and the DMP leaves out."""
    text = registry_object(item)
    for name in (b"Classification", b"ExternalIdentifier"):
        text = text.replace(b"<ns4:%s " % name, b'<ns4:%s objectType="%s:%s" ' % (name, _OBJECT_TYPE, name))
    return text


def with_patient(fragment: bytes, gone: Ins, kept: Ins) -> bytes:
    """A fragment in which the patient is `kept` where he was `gone` (ITI-44)."""

    def replaced(match: re.Match[bytes]) -> bytes:
        patient = Cx.parse(html.unescape(match[2].decode()))
        same = (patient.id, patient.authority) == (gone.value, gone.authority)
        return match[1] + attribute(str(Cx(kept.value, kept.authority))).encode() if same else match[0]

    return _PATIENT_ID.sub(replaced, fragment)


def is_offline(entry: StoredEntry) -> bool:
    """Whether the submitter said that the document cannot be had (documentAvailability)."""
    return _OFFLINE in entry.fragment


def extrinsic_object(entry: StoredEntry) -> bytes:
    """Return the element of a stored entry, as it is now."""
    return _entry_opening(entry).encode() + entry.fragment


def object_ref(item: RegistryObject) -> bytes:
    """Return the ObjectRef of a stored object."""
    uuid = item.entry_uuid if isinstance(item, StoredEntry) else item.uuid
    return f'<ns4:ObjectRef id="{uuid}"/>'.encode()


def _entry_opening(entry: StoredEntry) -> str:
    return (
        f'<ns4:ExtrinsicObject id="{entry.entry_uuid}" isOpaque="false" lid="{entry.lid}"'
        f' mimeType="{attribute(entry.mime_type)}" objectType="{entry.object_type}" status="{entry.status}">'
    )


def _set_opening(lot: StoredSet) -> str:
    return _package_opening(lot.uuid, lot.uuid, lot.status)


def _folder_opening(folder: StoredFolder) -> str:
    last_update = _slot(LAST_UPDATE, (format_dtm(folder.last_update),))
    return _package_opening(folder.uuid, folder.lid, folder.status) + last_update


def _package_opening(uuid: str, lid: str, status: str) -> str:
    object_type = f"{names.OBJECT_TYPE}:RegistryPackage"
    return f'<ns4:RegistryPackage id="{uuid}" lid="{lid}" objectType="{object_type}" status="{status}">'


def _association_opening(link: StoredAssociation) -> str:
    return (
        f'<ns4:Association associationType="{attribute(link.type)}" id="{link.uuid}" lid="{link.uuid}"'
        f' objectType="{names.OBJECT_TYPE}:Association" sourceObject="{link.source}" status="{link.status}"'
        f' targetObject="{attribute(link.target)}">'
    )


_OPENINGS: Mapping[type, Callable[[Any], str]] = {
    StoredEntry: _entry_opening,
    StoredSet: _set_opening,
    StoredFolder: _folder_opening,
    StoredAssociation: _association_opening,
}


def _version_info(version: int) -> str:
    return f'<ns4:VersionInfo versionName="{version}"/>'


def _inside(
    item: RimObject, slots: Mapping[str, tuple[str, ...]], owner: str, version_info: str, new_uuid: NewUuid
) -> str:
    classifications = sorted(item.classifications, key=lambda c: names.SCHEMES.get(c.scheme, "~"))
    return "".join([
        _slots(slots),
        _texts("Name", item.names),
        _texts("Description", item.descriptions),
        version_info,
        *(_classification(c, owner, new_uuid()) for c in classifications),
        *(_identifier(i, owner, new_uuid()) for i in sorted(item.identifiers, key=_identifier_order)),
    ])  # fmt: skip


def _identifier_order(identifier: Identifier) -> str:
    return names.IDENTIFIERS.get(identifier.scheme, "~")


def _slots(slots: Mapping[str, Iterable[str]]) -> str:
    return "".join(_slot(name, slots[name]) for name in sorted(slots))


def _slot(name: str, values: Iterable[str]) -> str:
    inside = "".join(f"<ns4:Value>{content(v)}</ns4:Value>" for v in values)
    # Real clients send empty slots: they say nothing, so nothing of them is given back.
    if not inside:
        return ""
    return f'<ns4:Slot name="{attribute(name)}"><ns4:ValueList>{inside}</ns4:ValueList></ns4:Slot>'


def _texts(tag: str, texts: Iterable[Text]) -> str:
    inside = "".join(_localized(*text) for text in texts)
    return f"<ns4:{tag}>{inside}</ns4:{tag}>" if inside else ""


def _localized(value: str, charset: str, language: str) -> str:
    charset = f'charset="{attribute(charset)}" ' if charset else ""
    language = f' xml:lang="{attribute(language)}"' if language else ""
    return f'<ns4:LocalizedString {charset}value="{attribute(value)}"{language}/>'


def _classification(c: Classification, owner: str, uuid: str) -> str:
    if c.node:
        return (
            f'<ns4:Classification classificationNode="{attribute(c.node)}" classifiedObject="{owner}"'
            f' id="urn:uuid:{uuid}"/>'
        )
    return (
        f'<ns4:Classification classificationScheme="{attribute(c.scheme)}" classifiedObject="{owner}"'
        f' id="urn:uuid:{uuid}" nodeRepresentation="{attribute(c.representation)}">'
        f"{_slots(c.slots)}{_texts('Name', c.names)}</ns4:Classification>"
    )


def _identifier(i: Identifier, owner: str, uuid: str) -> str:
    # The Name is ours: clients write XDSSubmissionSet.patientId on a DocumentEntry.
    texts = [(names.IDENTIFIERS[i.scheme], "UTF8", "FR")] if i.scheme in names.IDENTIFIERS else i.names
    return (
        f'<ns4:ExternalIdentifier id="urn:uuid:{uuid}" identificationScheme="{attribute(i.scheme)}"'
        f' registryObject="{owner}" value="{attribute(i.value)}">{_texts("Name", texts)}</ns4:ExternalIdentifier>'
    )
