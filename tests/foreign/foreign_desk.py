"""The folder that a client of another language works from (README.md)."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from lxml import etree

from dmpws import cast, resources
from dmpws.client import Attachment, ClinicalDocument, Deposit
from dmpws.client.cda import CONSULTATION_REPORT
from dmpws.client.registry import cx
from dmpws.domain import oids
from dmpws.pki.cards import P12_PASSWORD
from dmpws.testing.server import LiveServer

PATIENT = cast.PATIENTS["pat-trois"]
CARD = "medecin-libre"


@dataclass(frozen=True)
class Desk:
    """folder: what the client is given. title: that of its document. documents: the parts of its lot by entry id."""

    folder: Path
    title: str
    unique_id: str
    token: bytes
    submitted: bytes
    documents: dict[str, bytes]


def make_desk(live: LiveServer, folder: Path, title: str) -> Desk:
    """Sign a VIHF and a lot of one document, and write all a client needs."""
    now = datetime.now(UTC).replace(microsecond=0)
    content = Attachment("text/plain", f"Déposé par {title}.".encode())
    with live.session(CARD) as lps:
        document = ClinicalDocument(
            PATIENT.ins, PATIENT.traits, lps.actor, CONSULTATION_REPORT, title, content, now, now, now
        )
        lot = lps.build_lot(PATIENT.ins, [Deposit(document)])
        token = lps.token(PATIENT.ins)
    submitted, *entries = lot.body
    parts = [part.read() for part in lot.attachments.values()]
    documents = {entry.get("id", ""): octets for entry, octets in zip(entries, parts, strict=True)}
    desk = Desk(folder, title, document.unique_id, token, etree.tostring(submitted), documents)
    _write(desk, live)
    return desk


def _write(desk: Desk, live: LiveServer) -> None:
    facts = {
        "url": live.url,
        "password": P12_PASSWORD,
        "ins": PATIENT.ins.value,
        "authority": PATIENT.ins.authority,
        "cx": cx(PATIENT.ins),
        "repository": oids.REPOSITORY,
        "uniqueId": desk.unique_id,
        "documents": " ".join(desk.documents),
        "schemas": str(resources.folder("schemas")),
    }
    files = {
        "facts.properties": "".join(f"{name}={value}\n" for name, value in facts.items()).encode(),
        "card.p12": live.pki.card(CARD).p12_file.read_bytes(),
        "ca.pem": live.pki.ca_file.read_bytes(),
        "vihf.xml": desk.token,
        "vihf-altered.xml": desk.token.replace(b"SA07", b"SA08"),
        "submit-objects.xml": desk.submitted,
        **{f"{name}.xml": octets for name, octets in desk.documents.items()},
    }
    for name, octets in files.items():
        (desk.folder / name).write_bytes(octets)
