"""A lot as ebXML: the SubmitObjectsRequest of TD2.1, built from domain values (ITI TF-3 4.2.3)."""

import itertools
from collections.abc import Iterable, Iterator

from lxml import etree
from lxml.builder import ElementMaker

from dmpws.codec.ebxml import names
from dmpws.domain.code import Code
from dmpws.domain.document import Association, Author, DocumentEntry, Folder, SubmissionSet
from dmpws.xml.names import LCM, RIM, XDSB, XML, XOP

_R = ElementMaker(namespace=RIM, nsmap={None: RIM})
_L = ElementMaker(namespace=LCM, nsmap={"lcm": LCM, None: RIM})
_X = ElementMaker(namespace=XDSB, nsmap={"xds": XDSB, None: RIM})
_INCLUDE = ElementMaker(namespace=XOP, nsmap={"xop": XOP})

_ENTRY_CODES = (
    ("class_code", names.CLASS_CODE),
    ("type_code", names.TYPE_CODE),
    ("format_code", names.FORMAT_CODE),
    ("facility_type", names.FACILITY_TYPE),
    ("practice_setting", names.PRACTICE_SETTING),
    ("confidentiality", names.CONFIDENTIALITY_CODE),
    ("event_codes", names.EVENT_CODE),
)


def provide_and_register(
    submission_set: SubmissionSet,
    entries: Iterable[DocumentEntry],
    associations: Iterable[Association],
    includes: Iterable[tuple[str, str]],
    folders: Iterable[Folder] = (),
) -> etree._Element:
    """Build the Body of ITI-41; includes: (entry id, Content-ID href) of each document."""
    objects = submit_objects(submission_set, entries, associations, folders)
    documents = (_X.Document(_INCLUDE.Include(href=href), id=entry_id) for entry_id, href in includes)
    return _X.ProvideAndRegisterDocumentSetRequest(objects, *documents)


def submit_objects(
    submission_set: SubmissionSet,
    entries: Iterable[DocumentEntry],
    associations: Iterable[Association],
    folders: Iterable[Folder] = (),
) -> etree._Element:
    """Build a SubmitObjectsRequest, the Body of ITI-42."""
    numbers = itertools.count(1)
    return _L.SubmitObjectsRequest(
        _R.RegistryObjectList(
            registry_package(submission_set, numbers),
            *(folder_package(folder, numbers) for folder in folders),
            *(extrinsic_object(entry, numbers) for entry in entries),
            *(association(a) for a in associations),
        )
    )


def registry_package(lot: SubmissionSet, numbers: Iterator[int]) -> etree._Element:
    """A submission set; `numbers` give the ids of its parts."""
    codes = [classification(names.SET_CONTENT_TYPE, lot.id, lot.content_type, numbers)] if lot.content_type else []
    node_id = f"classification{next(numbers)}"
    node = _R.Classification(classificationNode=names.SUBMISSION_SET_NODE, classifiedObject=lot.id, id=node_id)
    ids = {
        names.SET_PATIENT_ID: lot.patient_id,
        names.SET_SOURCE_ID: lot.source_id,
        names.SET_UNIQUE_ID: lot.unique_id,
    }
    return _R.RegistryPackage(
        _slot("submissionTime", [lot.submission_time]),
        *_texts(lot.title, lot.comments),
        *(_author(names.SET_AUTHOR, lot.id, author, numbers) for author in lot.authors),
        *codes,
        node,
        *(_identifier(scheme, lot.id, value, numbers) for scheme, value in ids.items()),
        id=lot.id,
    )


def folder_package(folder: Folder, numbers: Iterator[int]) -> etree._Element:
    """A folder; `numbers` give the ids of its parts."""
    node = _R.Classification(
        classificationNode=names.FOLDER_NODE, classifiedObject=folder.id, id=f"classification{next(numbers)}"
    )
    ids = {names.FOLDER_PATIENT_ID: folder.patient_id, names.FOLDER_UNIQUE_ID: folder.unique_id}
    return _R.RegistryPackage(
        *_texts(folder.title, folder.comments),
        *(classification(names.FOLDER_CODE, folder.id, code, numbers) for code in folder.codes),
        node,
        *(_identifier(scheme, folder.id, value, numbers) for scheme, value in ids.items()),
        id=folder.id,
    )


def extrinsic_object(entry: DocumentEntry, numbers: Iterator[int]) -> etree._Element:
    """A document entry; `numbers` give the ids of its parts."""
    slots = {
        "creationTime": [entry.creation_time],
        "hash": [entry.hash],
        "languageCode": [entry.language],
        "legalAuthenticator": [entry.legal_authenticator],
        "repositoryUniqueId": [entry.repository_unique_id],
        "serviceStartTime": [entry.service_start],
        "serviceStopTime": [entry.service_stop],
        "size": [entry.size],
        "sourcePatientId": [entry.source_patient_id],
        "sourcePatientInfo": entry.source_patient_info,
        names.REFERENCE_ID_LIST: entry.reference_ids,
    }
    classifications = [
        classification(scheme, entry.id, code, numbers)
        for name, scheme in _ENTRY_CODES
        for code in _as_codes(getattr(entry, name))
    ]
    ids = {names.PATIENT_ID: entry.patient_id, names.UNIQUE_ID: entry.unique_id}
    return _R.ExtrinsicObject(
        *(_slot(name, values) for name, values in slots.items() if any(values)),
        *_texts(entry.title, entry.comments),
        *(_author(names.AUTHOR, entry.id, author, numbers) for author in entry.authors),
        *classifications,
        *(_identifier(scheme, entry.id, value, numbers) for scheme, value in ids.items()),
        id=entry.id,
        mimeType=entry.mime_type,
        objectType=entry.object_type,
    )


def association(link: Association) -> etree._Element:
    """An Association."""
    return _R.Association(
        *(_slot(name, values) for name, values in link.slots.items()),
        associationType=link.type,
        id=link.id,
        sourceObject=link.source,
        targetObject=link.target,
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


def classification(scheme: str, owner: str, code: Code, numbers: Iterator[int]) -> etree._Element:
    """A coded attribute of the object `owner`."""
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


def _identifier(scheme: str, owner: str, value: str, numbers: Iterator[int]) -> etree._Element:
    return _R.ExternalIdentifier(
        _localized(_R.Name, names.IDENTIFIERS[scheme]),
        id=f"identifier{next(numbers)}",
        identificationScheme=scheme,
        registryObject=owner,
        value=value,
    )
