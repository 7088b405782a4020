"""SubmitObjectsRequest -> Submission: what a lot says. What it may say is judged by dmpws.domain.lot."""

from collections.abc import Iterable
from dataclasses import dataclass

from lxml import etree

from dmpws.codec.ebxml import names
from dmpws.codec.ebxml.fragments import LAST_UPDATE
from dmpws.codec.ebxml.rim import (
    CLASSIFICATION,
    Classification,
    RimObject,
    Text,
    read_classification,
    read_object,
)
from dmpws.domain.checks import Report, Rule, refusal
from dmpws.domain.code import Code
from dmpws.domain.document import Association, Author, DocumentEntry, Folder, Submission, SubmissionSet
from dmpws.xml.names import LCM, RIM
from dmpws.xml.text import children

_METADATA = "XDSRegistryMetadataError"
LIST = Rule("XDS-LIST", "Le message contient SubmitObjectsRequest/RegistryObjectList", "ITI TF-3 4.2.1.4", _METADATA)
SET_ONE = Rule("XDS-SET-ONE", "Le message contient exactement une fiche de lot", "ITI TF-3 4.2.1.4", _METADATA)
OBJECT = Rule(
    "XDS-OBJECT",
    "Le message ne contient que fiche de lot, fiches de document, classeurs et associations",
    "ITI TF-3 4.2.1.4",
    _METADATA,
)
OBJECT_ID = Rule("XDS-OBJECT-ID", "Chaque objet porte un id, unique dans le message", "ITI TF-3 4.2.1.2", _METADATA)
SINGLE = Rule("XDS-SINGLE", "Un attribut à valeur unique n'a qu'une valeur", "ITI TF-3 4.2.3.2", _METADATA)
LIMITED = Rule("XDS-LIMITED", "Une fiche ne se déclare pas incomplète (limitedMetadata)", "ITI TF-3 4.3.1.1", _METADATA)
CODE_FORM = Rule(
    "XDS-CODE-FORM",
    "Un code a un nodeRepresentation et un slot codingScheme d'une seule valeur",
    "ITI TF-3 4.2.3.1.2",
    _METADATA,
)

_OBJECTS = "un lot, des fiches, des classeurs, des associations"
_PACKAGE, _EXTRINSIC = f"{{{RIM}}}RegistryPackage", f"{{{RIM}}}ExtrinsicObject"
_ASSOCIATION, _OBJECT_REF = f"{{{RIM}}}Association", f"{{{RIM}}}ObjectRef"
_SET_SLOTS = frozenset({"submissionTime", "intendedRecipient"})
_ENTRY_SLOTS = frozenset({
    "creationTime", "serviceStartTime", "serviceStopTime", "hash", "size", "languageCode", "legalAuthenticator",
    "repositoryUniqueId", "sourcePatientId", "sourcePatientInfo", names.REFERENCE_ID_LIST,
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class ReceivedSubmission:
    """A lot read from the wire, and the ebRIM objects it was read from (answers are made from those).

    entries, associations and folders are parallel to those of `submission`.
    """

    submission: Submission
    set: RimObject
    entries: tuple[RimObject, ...]
    associations: tuple[RimObject, ...]
    folders: tuple[RimObject, ...] = ()


def read_submission(body: etree._Element, report: Report) -> ReceivedSubmission:
    """Read the lot of a ProvideAndRegisterDocumentSetRequest (or of a bare SubmitObjectsRequest).

    Broken rules of form go into `report`. Raises Refused when there is no list or no lot to speak of.
    """
    request = body if body.tag == f"{{{LCM}}}SubmitObjectsRequest" else body.find(f"{{{LCM}}}SubmitObjectsRequest")
    objects = request.find(f"{{{RIM}}}RegistryObjectList") if request is not None else None
    if objects is None:
        raise refusal(LIST, expected="RegistryObjectList", found=f"{etree.QName(body).localname} seul")
    packages: list[RimObject] = []
    entries: list[RimObject] = []
    associations: list[RimObject] = []
    kinds = {_PACKAGE: packages, _EXTRINSIC: entries, _ASSOCIATION: associations}
    nodes: list[tuple[str, Classification]] = []
    for child in children(objects):
        if child.tag in kinds:
            kinds[child.tag].append(read_object(child, report))
        elif child.tag == CLASSIFICATION:
            nodes.append((child.get("classifiedObject", ""), read_classification(child, "", report)))
        elif child.tag != _OBJECT_REF:
            report.failed(OBJECT, expected=_OBJECTS, found=etree.QName(child).localname)
    for package in packages:
        package.classifications += [c for owner, c in nodes if owner == package.id]
    lot, folders = _packages(packages, report)
    _check_ids([*packages, *entries, *associations], report)
    for item in (*packages, *entries):
        for node in (c.node for c in item.classifications if c.node in names.LIMITED_NODES):
            report.failed(LIMITED, expected="aucun classificationNode limitedMetadata", found=node, where=item.id)
    submission = Submission(
        _submission_set(lot, report),
        tuple(read_entry(e, report) for e in entries),
        tuple(_association(a) for a in associations),
        tuple(_folder(f, report) for f in folders),
    )
    return ReceivedSubmission(submission, lot, tuple(entries), tuple(associations), tuple(folders))


def _packages(packages: list[RimObject], report: Report) -> tuple[RimObject, list[RimObject]]:
    """The submission set and the folders."""
    sets = [p for p in packages if _has_node(p, names.SUBMISSION_SET_NODE)]
    folders = [p for p in packages if _has_node(p, names.FOLDER_NODE) and p not in sets]
    for package in packages:
        if package not in sets and package not in folders:
            report.failed(OBJECT, expected=_OBJECTS, found="RegistryPackage sans classification", where=package.id)
    if not sets:
        raise refusal(SET_ONE, expected="1", found="0")
    report.require(len(sets) == 1, SET_ONE, expected="1", found=str(len(sets)))
    return sets[0], folders


def _has_node(package: RimObject, node: str) -> bool:
    return any(c.node == node for c in package.classifications)


def _check_ids(objects: Iterable[RimObject], report: Report) -> None:
    seen: set[str] = set()
    for item in objects:
        if not item.id or item.id in seen:
            found = f"encore {item.id[:200]}" if item.id else "aucun id"
            report.failed(OBJECT_ID, expected="un id propre", found=found)
        seen.add(item.id)


def _submission_set(item: RimObject, report: Report) -> SubmissionSet:
    codes = _codes(item, report)
    identifiers = _identifiers(item, report)
    return SubmissionSet(
        id=item.id,
        unique_id=identifiers.get(names.SET_UNIQUE_ID, ""),
        source_id=identifiers.get(names.SET_SOURCE_ID, ""),
        patient_id=identifiers.get(names.SET_PATIENT_ID, ""),
        submission_time=_slot(item, "submissionTime", report),
        content_type=_one(item, codes, names.SET_CONTENT_TYPE, report),
        authors=_authors(item, names.SET_AUTHOR, report),
        title=_text(item.names),
        comments=_text(item.descriptions),
        intended_recipients=item.slots.get("intendedRecipient", ()),
        slots={name: values for name, values in item.slots.items() if name not in _SET_SLOTS},
    )


def _folder(item: RimObject, report: Report) -> Folder:
    identifiers = _identifiers(item, report)
    return Folder(
        id=item.id,
        unique_id=identifiers.get(names.FOLDER_UNIQUE_ID, ""),
        patient_id=identifiers.get(names.FOLDER_PATIENT_ID, ""),
        codes=tuple(_codes(item, report).get(names.FOLDER_CODE, ())),
        title=_text(item.names),
        comments=_text(item.descriptions),
        lid=item.attributes.get("lid", ""),
        slots={name: values for name, values in item.slots.items() if name != LAST_UPDATE},
    )


def read_entry(item: RimObject, report: Report) -> DocumentEntry:
    """Read an ExtrinsicObject as a document entry; broken rules of form go into `report`."""
    codes = _codes(item, report)
    identifiers = _identifiers(item, report)
    attributes = item.attributes
    return DocumentEntry(
        id=item.id,
        unique_id=identifiers.get(names.UNIQUE_ID, ""),
        patient_id=identifiers.get(names.PATIENT_ID, ""),
        mime_type=attributes.get("mimeType", ""),
        object_type=attributes.get("objectType", ""),
        class_code=_one(item, codes, names.CLASS_CODE, report),
        type_code=_one(item, codes, names.TYPE_CODE, report),
        format_code=_one(item, codes, names.FORMAT_CODE, report),
        facility_type=_one(item, codes, names.FACILITY_TYPE, report),
        practice_setting=_one(item, codes, names.PRACTICE_SETTING, report),
        confidentiality=tuple(codes.get(names.CONFIDENTIALITY_CODE, ())),
        event_codes=tuple(codes.get(names.EVENT_CODE, ())),
        authors=_authors(item, names.AUTHOR, report),
        legal_authenticator=_slot(item, "legalAuthenticator", report),
        creation_time=_slot(item, "creationTime", report),
        service_start=_slot(item, "serviceStartTime", report),
        service_stop=_slot(item, "serviceStopTime", report),
        language=_slot(item, "languageCode", report),
        source_patient_id=_slot(item, "sourcePatientId", report),
        source_patient_info=item.slots.get("sourcePatientInfo", ()),
        reference_ids=item.slots.get(names.REFERENCE_ID_LIST, ()),
        hash=_slot(item, "hash", report),
        size=_slot(item, "size", report),
        repository_unique_id=_slot(item, "repositoryUniqueId", report),
        lid=attributes.get("lid", ""),
        title=_text(item.names),
        comments=_text(item.descriptions),
        slots={name: values for name, values in item.slots.items() if name not in _ENTRY_SLOTS},
    )


def _association(item: RimObject) -> Association:
    get = item.attributes.get
    return Association(
        item.id, get("associationType", ""), get("sourceObject", ""), get("targetObject", ""), dict(item.slots)
    )


def _slot(item: RimObject, name: str, report: Report) -> str:
    values = item.slots.get(name, ())
    if len(values) > 1:
        report.failed(SINGLE, expected="1 valeur", found=f"{name} : {len(values)} valeurs", where=item.id)
    return values[0] if values else ""


def _text(texts: tuple[Text, ...]) -> str:
    return texts[0][0] if texts else ""


def _identifiers(item: RimObject, report: Report) -> dict[str, str]:
    found: dict[str, str] = {}
    for identifier in item.identifiers:
        if identifier.scheme in found:
            label = names.IDENTIFIERS.get(identifier.scheme, identifier.scheme)
            report.failed(SINGLE, expected="1 valeur", found=f"{label} : plusieurs", where=item.id)
        found[identifier.scheme] = identifier.value
    return found


def _codes(item: RimObject, report: Report) -> dict[str, list[Code]]:
    """The codes of an object by scheme; a scheme we do not know is extra metadata, kept and not judged."""
    found: dict[str, list[Code]] = {}
    for c in item.classifications:
        attribute = names.SCHEMES.get(c.scheme)
        if attribute is None or attribute == "author":
            continue
        system = c.slots.get("codingScheme", ())
        if not c.representation or len(system) != 1:
            found_form = f"{attribute} {c.representation!r}, codingScheme : {len(system)} valeur(s)"
            report.failed(CODE_FORM, expected="un code, codingScheme : 1 valeur", found=found_form, where=item.id)
            continue
        found.setdefault(c.scheme, []).append(Code(c.representation, system[0], _text(c.names)))
    return found


def _one(item: RimObject, codes: dict[str, list[Code]], scheme: str, report: Report) -> Code | None:
    found = codes.get(scheme)
    if not found:
        return None
    if len(found) > 1:
        label = names.SCHEMES[scheme]
        values = ", ".join(c.code for c in found)
        report.failed(SINGLE, expected="1 valeur", found=f"{label} : {values}", where=item.id)
    return found[0]


def _authors(item: RimObject, scheme: str, report: Report) -> tuple[Author, ...]:
    return tuple(_author(item, c, report) for c in item.classifications if c.scheme == scheme)


def _author(item: RimObject, c: Classification, report: Report) -> Author:
    persons = c.slots.get("authorPerson", ())
    if len(persons) > 1:
        report.failed(SINGLE, expected="1 valeur", found=f"authorPerson : {len(persons)} valeurs", where=item.id)
    return Author(
        person=persons[0] if persons else "",
        institutions=c.slots.get("authorInstitution", ()),
        roles=c.slots.get("authorRole", ()),
        specialties=c.slots.get("authorSpecialty", ()),
        telecoms=c.slots.get("authorTelecommunication", ()),
    )
