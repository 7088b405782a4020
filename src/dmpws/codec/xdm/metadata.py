"""METADATA.XML of a submission set, and README.TXT."""

import itertools
from collections.abc import Callable, Iterator

from lxml import etree

from dmpws.codec.ebxml.fragments import entry_fragment, registry_object
from dmpws.codec.ebxml.versions import read_stored
from dmpws.codec.ebxml.writing import association, registry_package
from dmpws.codec.xdm import layout
from dmpws.codec.xdm.content import Copied, Copy, Subset
from dmpws.domain import oids
from dmpws.domain.code import Code
from dmpws.domain.datatypes import Cx, Xcn, format_dtm
from dmpws.domain.document import Author, SubmissionSet
from dmpws.domain.packages import RegistryObject
from dmpws.xml.names import LCM, RIM

_BY_PATIENT = Code("EXP_PATIENT", oids.NON_PROFESSIONALS, "Expression personnelle du patient")
_LIST = "RegistryObjectList"


def metadata(copy: Copy, subset: Subset, new_uuid: Callable[[], str]) -> Iterator[bytes]:
    """The lcm:SubmitObjectsRequest of a subset, piece by piece."""
    head = f'<lcm:SubmitObjectsRequest xmlns:lcm="{LCM}" xmlns:ns4="{RIM}"><ns4:{_LIST}>'
    yield f'<?xml version="1.0" encoding="UTF-8"?>\n{head}\n'.encode()
    yield _octets(registry_package(_set(copy, subset), itertools.count(1)))
    for document in subset.documents:
        yield _entry(document, new_uuid)
    packages: tuple[RegistryObject, ...] = (*subset.folders, *subset.associations)
    for item in packages:
        yield registry_object(item) + b"\n"
    for link in subset.memberships:
        yield _octets(association(link))
    yield f"</ns4:{_LIST}></lcm:SubmitObjectsRequest>\n".encode()


def _entry(document: Copied, new_uuid: Callable[[], str]) -> bytes:
    """The entry as the registry gives it, with the URI of its file (ITI TF-3 4.2.3.2.28)."""
    entry = document.entry
    _, item = read_stored(entry)
    item.slots["URI"] = (document.name,)
    fragment = entry_fragment(
        item,
        entry.entry_uuid,
        hash_=entry.hash,
        size=entry.size,
        repository=oids.REPOSITORY,
        version=entry.version,
        new_uuid=new_uuid,
    )
    return registry_object(entry._replace(fragment=fragment)) + b"\n"


def _octets(element: etree._Element) -> bytes:
    made: bytes = etree.tostring(element, encoding="utf-8")
    return made.removeprefix(b"<?xml version='1.0' encoding='utf-8'?>\n") + b"\n"


def _set(copy: Copy, subset: Subset) -> SubmissionSet:
    ins, name = copy.record.ins, copy.record.traits.name
    specialty = f"{_BY_PATIENT.code}^{_BY_PATIENT.display}^{_BY_PATIENT.system}"
    person = Xcn(ins.value, name.birth, name.given, ins.authority, "D", "NH")
    return SubmissionSet(
        id=subset.uuid,
        unique_id=subset.unique_id,
        source_id=oids.DMP_CUSTODIAN,
        patient_id=str(Cx(ins.value, ins.authority, "NH")),
        submission_time=format_dtm(copy.made_at),
        content_type=_BY_PATIENT,
        authors=(Author(str(person), specialties=(specialty,)),),
        title=copy.title,
    )


def readme(copy: Copy) -> bytes:
    """README.TXT: who made the archive, with what, and how it is arranged (ITI TF-2 3.32.4.1.2.2)."""
    count = len(copy.documents)
    lines = [
        copy.title,
        "",
        "Émetteur",
        f"  {copy.institution or 'Hébergeur du Dossier Médical Partagé'}",
        "",
        "Application de l'émetteur",
        f"  {copy.software}",
        "",
        "Instructions",
        f"  Ouvrez {layout.INDEX} avec un navigateur : la liste des {count} documents, par rubrique.",
        f"  Le dossier {layout.READABLE} contient les documents sous une forme lisible sans logiciel particulier.",
        "  Un logiciel de professionnel importe l'archive entière (profil IHE XDM).",
        "",
        "Arborescence",
        f"  {layout.INDEX}, {layout.README}",
        *(
            f"  {layout.subset(subset.number)}/{layout.METADATA} et {len(subset.documents)} documents"
            for subset in copy.subsets
        ),
        "",
        f"Archive établie le {copy.made_at:%d/%m/%Y à %H:%M} (heure universelle). L'empreinte (SHA-1) et la taille de",
        f"chaque document sont dans les fichiers {layout.METADATA}.",
    ]
    return "\r\n".join([*lines, ""]).encode()
