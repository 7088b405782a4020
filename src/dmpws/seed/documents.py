"""The documents of the set `plan`, made as the software of a professional would make them.

Forms: the files of `dmpws.seed.files`, what `dmpws.seed.structured` says (`vsm`, `certificate`, `biology`, and
`self-presenting`, results in a style sheet), `kos`, `vaccination`. States: `masked`, `invisible`,
`invisible_representatives`, `archived`, `replaced` (by a second version).
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from lxml import etree

from dmpws import cast
from dmpws.cast import CastPatient
from dmpws.client.actor import Actor
from dmpws.client.cda import Attachment, ClinicalDocument, Section
from dmpws.client.lot import Deposit
from dmpws.client.registry import cx
from dmpws.client.vaccination import Vaccination, vaccination_note
from dmpws.client.vsm_writing import vsm
from dmpws.codec.value_sets import value_sets
from dmpws.domain import oids
from dmpws.domain.cda import CdaId
from dmpws.domain.code import Code
from dmpws.domain.datatypes import Cx, format_dtm
from dmpws.domain.document import (
    INVISIBLE_PATIENT,
    INVISIBLE_REPRESENTANTS_LEGAUX,
    MASQUE_PS,
    STABLE,
    Author,
    DocumentEntry,
)
from dmpws.domain.media import DICOM, KEY_OBJECT_SELECTION
from dmpws.domain.references import ACCESSION, STUDY
from dmpws.domain.value_sets import Attribute
from dmpws.seed import structured
from dmpws.seed.files import FILES, imaging_reference

_SPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "seed.dmpws")
_PARIS = ZoneInfo("Europe/Paris")
_VISIBILITY = {
    "masked": MASQUE_PS,
    "invisible": INVISIBLE_PATIENT,
    "invisible_representatives": INVISIBLE_REPRESENTANTS_LEGAUX,
}
_XSL = "http://www.w3.org/1999/XSL/Transform"
_PANELS = {"biology": "blood-count", "self-presenting": "electrolytes"}
_REQUESTS, _SERVICE = "2.25.2", "2.25.1"
"""Who numbers imaging requests, and who numbers the examinations."""
IMAGES = "imaging-reference"
"""Key of the document that names the images of a patient."""
_VACCINE = ("68747507", "VACCIN D'ESSAI")
IMAGING_REPORT = "18748-4"
HALF_AN_HOUR = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Planned:
    """A row of `dmpws/data/documents.tsv` for one of its patients."""

    patient: CastPatient
    row: Mapping[str, str]

    @property
    def author(self) -> str:
        """The card of the demo PKI that deposits it, or the producer."""
        return self.row["author"]

    @property
    def state(self) -> str:
        return self.row["state"]

    @property
    def type(self) -> Code:
        members = value_sets().sets[Attribute.TYPE]
        return next(member.code for (known, _), member in members.items() if known == self.row["type"])

    @property
    def model(self) -> str | CdaId:
        """templateId, perhaps with a version, of the model of a structured document."""
        root, _, extension = self.row["model"].partition("/")
        return CdaId(root, extension) if extension else root

    @property
    def at(self) -> datetime | None:
        """When it was written, and the act took place."""
        day = self.row["day"]
        return datetime.combine(date.fromisoformat(day), time(10), _PARIS) if day else None

    @property
    def set_id(self) -> str:
        return self._oid("set")

    def line(self, version: int) -> str:
        """All that it says."""
        return f"{self.row['title']}, version {version}. Patient fictif."

    def unique_id(self, version: int = 1) -> str:
        """The same everywhere (DMPWS D173)."""
        return self._oid(f"version {version}")

    def deposit(self, author: Actor, *, version: int = 1, replaces: str = "") -> Deposit:
        """What to deposit. author: who writes. replaces: entryUUID of the version before."""
        if self.row["form"] == "kos":
            reference = imaging_reference(self._oid("instance"), self.study)
            return Deposit(reference, entry=self._entry(author), replaces=replaces)
        octets = self._document(author, version).to_xml()
        if self.row["form"] == "self-presenting":
            octets = _self_presenting(octets)
        hidden = (_VISIBILITY[self.state],) if self.state in _VISIBILITY else ()
        return Deposit(octets, replaces=replaces, visibility=hidden, comments=self.row.get("comments", ""))

    def _document(self, author: Actor, version: int) -> ClinicalDocument:
        person, at, form, title = self.patient, self._written, self.row["form"], self.row["title"]
        unique_id, set_id = self.unique_id(version), self.set_id
        if form == "vaccination":
            cis, name = _VACCINE
            vaccination = Vaccination(
                self.row.get("cis") or cis, name, at.date(), lot="LOT-ESSAI", id=self._uuid("vaccination").upper()
            )
            return vaccination_note(
                person.ins,
                person.traits,
                author,
                vaccination,
                effective=at,
                unique_id=unique_id,
                set_id=set_id,
                version=version,
                replaces=self.unique_id(version - 1) if version > 1 else "",
            )
        if form == "vsm":
            content = structured.synthesis(self._uuid("entry").upper()[:-2] + "{}")
            return vsm(
                person.ins,
                person.traits,
                author,
                content,
                effective=at,
                words=structured.VIGILANCE,
                unique_id=unique_id,
                set_id=set_id,
            )
        return ClinicalDocument(
            person.ins,
            person.traits,
            author,
            self.type,
            title,
            self._body(form, at, version),
            effective=at,
            service_start=at,
            service_stop=at + HALF_AN_HOUR if self.row.get("comments") else None,
            unique_id=unique_id,
            set_id=set_id,
            version=version,
            replaces=self.unique_id(version - 1) if version > 1 else "",
            templates=(self.model,) if self.row["model"] else (),
            **self._images(),
        )

    def _body(self, form: str, at: datetime, version: int) -> Attachment | Sequence[Section] | etree._Element:
        if form in FILES:
            media_type, make = FILES[form]
            return Attachment(media_type, make(self.line(version)))
        if form == "certificate":
            return structured.CERTIFICATE
        return structured.biology(_PANELS[form], at)

    @property
    def accession(self) -> CdaId:
        """Number of the examination of images; a patient has one."""
        return CdaId(_SERVICE, f"{self.patient.key}-1")

    @property
    def study(self) -> str:
        return self._oid("study", of=IMAGES)

    def _images(self) -> dict[str, Any]:
        """What ties an imaging report to the request and to the images."""
        if self.row["type"] != IMAGING_REPORT:
            return {}
        return {"order": CdaId(_REQUESTS, f"{self.patient.key}-1"), "accession": self.accession, "study": self.study}

    def _entry(self, author: Actor) -> DocumentEntry:
        """The metadata of an imaging reference, which has no header to read them from."""
        specialty = author.specialty
        kind, moment = self.type, format_dtm(self._written)
        name = self.patient.traits.name
        return DocumentEntry(
            id="",
            unique_id=self.unique_id(),
            patient_id=cx(self.patient.ins),
            mime_type=DICOM,
            object_type=STABLE,
            class_code=value_sets().class_of(kind),
            type_code=kind,
            format_code=Code(KEY_OBJECT_SELECTION, "1.2.840.10008.2.6.1", "Key Object Selection Document"),
            facility_type=author.facility_type,
            practice_setting=author.practice_setting,
            confidentiality=(Code("N", oids.CONFIDENTIALITY, "Normal"),),
            event_codes=(),
            authors=(
                Author(
                    author.person_xcn,
                    (author.structure_xon,),
                    (f"{specialty.code}^{specialty.display}^{specialty.system}",),
                ),
            ),
            legal_authenticator=author.person_xcn,
            creation_time=moment,
            service_start=moment,
            service_stop="",
            language="fr-FR",
            source_patient_id=cx(self.patient.ins),
            source_patient_info=(
                f"PID-5|{name.birth}^{name.given}^^^^^L",
                f"PID-7|{self.patient.traits.birth_date}",
                f"PID-8|{self.patient.traits.sex}",
            ),
            reference_ids=(
                str(Cx(self.study, "", STUDY)),
                str(Cx(self.accession.extension, self.accession.root, ACCESSION)),
            ),
            hash="",
            size="",
            repository_unique_id="",
            lid="",
            title=self.row["title"],
            comments="",
        )

    @property
    def _written(self) -> datetime:
        if self.at is None:
            raise ValueError(f"{self.row['key']}: a document of an LPS has its day")
        return self.at

    def _uuid(self, what: str, *, of: str = "") -> str:
        return str(uuid.uuid5(_SPACE, f"{self.patient.key} {of or self.row['key']} {what}"))

    def _oid(self, what: str, *, of: str = "") -> str:
        return f"2.25.{uuid.UUID(self._uuid(what, of=of)).int}"


def planned(table: str = "documents") -> list[Planned]:
    """Every document of a table, in its order: `documents` come from an LPS, `produced` do not."""
    return [Planned(cast.PATIENTS[key], row) for row in cast.table(table) for key in row["patients"].split(",")]


def _self_presenting(cda: bytes) -> bytes:
    """The style sheet that shows the CDA it carries (GI-DMP EX_2.1-1115)."""
    inside = cda.partition(b"?>")[2]
    return b"".join((
        b'<?xml version="1.0" encoding="UTF-8"?>\n<?xml-stylesheet type="text/xsl" href="#"?>\n',
        f'<xsl:stylesheet version="1.0" xmlns:xsl="{_XSL}" xmlns:h="urn:hl7-org:v3">'.encode(),
        b'<data:Contenu xmlns:data="urn:asip-sante:ci-sis">', inside, b"</data:Contenu>",
        b'<xsl:template match="/"><html><body><h1><xsl:value-of select="//h:ClinicalDocument/h:title"/></h1>',
        b'<p><xsl:value-of select="//h:section/h:text"/></p></body></html></xsl:template></xsl:stylesheet>',
    ))  # fmt: skip
