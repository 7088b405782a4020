"""A lot as ebXML: the SubmitObjectsRequest of TD2.1, built from domain values (ITI TF-3 4.2.3)."""

import itertools
from collections.abc import Iterable, Iterator

from lxml import etree
from lxml.builder import ElementMaker

from dmpws.domain.code import Code
from dmpws.domain.document import Association, Author, DocumentEntry, SubmissionSet
from dmpws.xml.names import LCM, RIM, XDSB, XML, XOP

_R = ElementMaker(namespace=RIM, nsmap={None: RIM})
_L = ElementMaker(namespace=LCM, nsmap={"lcm": LCM, None: RIM})
_X = ElementMaker(namespace=XDSB, nsmap={"xds": XDSB, None: RIM})
_INCLUDE = ElementMaker(namespace=XOP, nsmap={"xop": XOP})

_SET_NODE = "urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd"
_SET_AUTHOR = "urn:uuid:a7058bb9-b4e4-4307-ba5b-e3f0ab85e12d"
_SET_CONTENT_TYPE = "urn:uuid:aa543740-bdda-424e-8c96-df4873be8500"
_SET_IDS = {
    "patientId": "urn:uuid:6b5aea1a-874d-4603-a4bc-96a0a7b38446",
    "sourceId": "urn:uuid:554ac39e-e3fe-47fe-b233-965d2a147832",
    "uniqueId": "urn:uuid:96fdda7c-d067-4183-912e-bf5ee74998a8",
}
_ENTRY_AUTHOR = "urn:uuid:93606bcf-9494-43ec-9b4e-a7748d1a838d"
_ENTRY_CODES = (
    ("class_code", "urn:uuid:41a5887f-8865-4c09-adf7-e362475b143a"),
    ("type_code", "urn:uuid:f0306f51-975f-434e-a61c-c59651d33983"),
    ("format_code", "urn:uuid:a09d5840-386c-46f2-b5ad-9c3699a4309d"),
    ("facility_type", "urn:uuid:f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1"),
    ("practice_setting", "urn:uuid:cccf5598-8b07-4b77-a05e-ae952c785ead"),
    ("confidentiality", "urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f"),
    ("event_codes", "urn:uuid:2c6b8cb7-8b2a-4051-b291-b1ae6a575ef4"),
)
_ENTRY_IDS = {
    "patientId": "urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427",
    "uniqueId": "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab",
}


def provide_and_register(
    submission_set: SubmissionSet,
    entries: Iterable[DocumentEntry],
    associations: Iterable[Association],
    includes: Iterable[tuple[str, str]],
) -> etree._Element:
    """Build the Body of ITI-41; includes: (entry id, Content-ID href) of each document."""
    numbers = itertools.count(1)
    objects = _R.RegistryObjectList(
        _registry_package(submission_set, numbers),
        *(_extrinsic_object(entry, numbers) for entry in entries),
        *(_association(association) for association in associations),
    )
    documents = (_X.Document(_INCLUDE.Include(href=href), id=entry_id) for entry_id, href in includes)
    return _X.ProvideAndRegisterDocumentSetRequest(_L.SubmitObjectsRequest(objects), *documents)


def _registry_package(lot: SubmissionSet, numbers: Iterator[int]) -> etree._Element:
    codes = [_classification(_SET_CONTENT_TYPE, lot.id, lot.content_type, numbers)] if lot.content_type else []
    node = _R.Classification(classificationNode=_SET_NODE, classifiedObject=lot.id, id=f"classification{next(numbers)}")
    ids = {"patientId": lot.patient_id, "sourceId": lot.source_id, "uniqueId": lot.unique_id}
    return _R.RegistryPackage(
        _slot("submissionTime", [lot.submission_time]),
        *_texts(lot.title, lot.comments),
        *(_author(_SET_AUTHOR, lot.id, author, numbers) for author in lot.authors),
        *codes,
        node,
        *(_identifier("XDSSubmissionSet", name, _SET_IDS[name], lot.id, ids[name], numbers) for name in ids),
        id=lot.id,
    )


def _extrinsic_object(entry: DocumentEntry, numbers: Iterator[int]) -> etree._Element:
    slots = {
        "creationTime": [entry.creation_time],
        "hash": [entry.hash],
        "languageCode": [entry.language],
        "legalAuthenticator": [entry.legal_authenticator],
        "serviceStartTime": [entry.service_start],
        "serviceStopTime": [entry.service_stop],
        "size": [entry.size],
        "sourcePatientId": [entry.source_patient_id],
        "sourcePatientInfo": entry.source_patient_info,
        "urn:ihe:iti:xds:2013:referenceIdList": entry.reference_ids,
    }
    classifications = [
        _classification(scheme, entry.id, code, numbers)
        for name, scheme in _ENTRY_CODES
        for code in _as_codes(getattr(entry, name))
    ]
    ids = {"patientId": entry.patient_id, "uniqueId": entry.unique_id}
    return _R.ExtrinsicObject(
        *(_slot(name, values) for name, values in slots.items() if any(values)),
        *_texts(entry.title, entry.comments),
        *(_author(_ENTRY_AUTHOR, entry.id, author, numbers) for author in entry.authors),
        *classifications,
        *(_identifier("XDSDocumentEntry", name, _ENTRY_IDS[name], entry.id, ids[name], numbers) for name in ids),
        id=entry.id,
        mimeType=entry.mime_type,
        objectType=entry.object_type,
    )


def _association(association: Association) -> etree._Element:
    return _R.Association(
        *(_slot(name, values) for name, values in association.slots.items()),
        associationType=association.type,
        id=association.id,
        sourceObject=association.source,
        targetObject=association.target,
    )


def _as_codes(value: Code | tuple[Code, ...] | None) -> tuple[Code, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, Code) else value


def _slot(name: str, values: Iterable[str]) -> etree._Element:
    return _R.Slot(_R.ValueList(*(_R.Value(v) for v in values)), name=name)


def _localized(tag: ElementMaker, text: str) -> etree._Element:
    return tag(_R.LocalizedString({f"{{{XML}}}lang": "FR", "charset": "UTF8", "value": text}))


def _texts(title: str, comments: str) -> list[etree._Element]:
    pairs = ((_R.Name, title), (_R.Description, comments))
    return [_localized(tag, text) for tag, text in pairs if text]


def _classification(scheme: str, owner: str, code: Code, numbers: Iterator[int]) -> etree._Element:
    return _R.Classification(
        _slot("codingScheme", [code.system]),
        _localized(_R.Name, code.display or code.code),
        classificationScheme=scheme,
        classifiedObject=owner,
        id=f"classification{next(numbers)}",
        nodeRepresentation=code.code,
    )


def _author(scheme: str, owner: str, author: Author, numbers: Iterator[int]) -> etree._Element:
    slots = {
        "authorPerson": [author.person],
        "authorInstitution": author.institutions,
        "authorRole": author.roles,
        "authorSpecialty": author.specialties,
        "authorTelecommunication": author.telecoms,
    }
    return _R.Classification(
        *(_slot(name, values) for name, values in slots.items() if any(values)),
        classificationScheme=scheme,
        classifiedObject=owner,
        id=f"classification{next(numbers)}",
        nodeRepresentation="",
    )


def _identifier(kind: str, name: str, scheme: str, owner: str, value: str, numbers: Iterator[int]) -> etree._Element:
    return _R.ExternalIdentifier(
        _localized(_R.Name, f"{kind}.{name}"),
        id=f"identifier{next(numbers)}",
        identificationScheme=scheme,
        registryObject=owner,
        value=value,
    )
