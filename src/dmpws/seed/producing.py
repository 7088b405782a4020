"""Depositing the documents of the set `plan` that come from no LPS: by the acts of their producers."""

from collections.abc import Callable
from datetime import datetime, timedelta

from lxml import etree

from dmpws.acts.actor import Actor, patient
from dmpws.acts.desk import Desk
from dmpws.acts.producing import (
    Given,
    deposit_dispensation,
    deposit_patient_document,
    deposit_refunds,
    system_actor,
)
from dmpws.client.cda import body_of
from dmpws.codec.cda_writing import template
from dmpws.codec.produced import Produced
from dmpws.domain.checks import Refused
from dmpws.domain.producers import ASSURANCE_MALADIE, DOSSIER_PHARMACEUTIQUE
from dmpws.seed.documents import Planned, planned
from dmpws.seed.feeding import SeedRefused, missing
from dmpws.seed.files import FILES
from dmpws.seed.structured import refunds
from dmpws.store import Store
from dmpws.xml.names import HL7
from dmpws.xml.parser import parse

YEAR = timedelta(days=365)
_H = f"{{{HL7}}}"
_SYSTEMS = {"assurance-maladie": ASSURANCE_MALADIE, "dossier-pharmaceutique": DOSSIER_PHARMACEUTIQUE}
_ACTS = {
    "assurance-maladie": deposit_refunds,
    "dossier-pharmaceutique": deposit_dispensation,
    "patient": deposit_patient_document,
}


def produce(store: Store, desk_of: Callable[[Actor], Desk]) -> int:
    """Deposit the documents that are not there yet, and return how many. Raises SeedRefused.

    desk_of: gives the desk on `store` with an actor before it.
    """
    documents = missing(store, planned("produced"))
    for document in documents:
        system = _SYSTEMS.get(document.author)
        desk = desk_of(system_actor(system) if system else patient(document.patient.ins))
        try:
            for version in (1, 2) if document.state == "replaced" else (1,):
                given = Given(_octets(document, desk.now, version))
                _ACTS[document.author](desk, document.patient.ins, given)
        except Refused as refused:
            raise SeedRefused(str(refused)) from None
    return len(documents)


def _octets(document: Planned, now: datetime, version: int) -> bytes:
    """The CDA, a file; the second version of one that names a model is structured: refunds exist in both forms.

    A document without day is of the year that ends now: refunds may not be older than two years.
    """
    at, row = document.at or now.replace(microsecond=0), document.row
    media_type, make = FILES[row["form"]]
    made = Produced(
        ins=document.patient.ins,
        traits=document.patient.traits,
        system=_SYSTEMS.get(document.author),
        type=document.type,
        title=row["title"],
        media_type=media_type,
        content=make(document.line(version)),
        effective=at,
        start=at if document.at else at - YEAR,
        stop=at,
        unique_id=document.unique_id(version),
        set_id=document.set_id,
        version=version,
        replaces=document.unique_id(version - 1) if version > 1 else "",
    ).to_xml()
    return _structured(made, document, at) if row["model"] and version == 2 else made


def _structured(cda: bytes, document: Planned, at: datetime) -> bytes:
    """The same document with sections instead of the file."""
    root = parse(cda)
    model, body = root.findall(f"{_H}templateId")[-1], root.find(f"{_H}component")
    assert body is not None
    root.replace(model, template(document.model))
    root.replace(body, body_of(refunds(at.date())))
    octets: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    return octets
