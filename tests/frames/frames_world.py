"""A client of the server in this process whose last request can be looked at."""

from collections.abc import Iterable
from datetime import datetime

from dmpws import cast
from dmpws.client import Attachment, ClinicalDocument, LpsSession
from dmpws.client.cda import CONSULTATION_REPORT
from dmpws.client.pdf import one_page_pdf
from dmpws.client.transport import Answer, WsgiTransport

PATIENT = cast.PATIENTS["nessi"]


class Tap:
    """Keeps the last request that went through."""

    def __init__(self, transport: WsgiTransport) -> None:
        self._transport = transport
        self.url = transport.url
        self.sent = b""
        self.content_type = ""

    def post(self, service: str, content_type: str, content: Iterable[bytes], length: int) -> Answer:
        self.sent, self.content_type = b"".join(content), content_type
        return self._transport.post(service, content_type, [self.sent], length)

    def close(self) -> None:
        self._transport.close()


def document(session: LpsSession, now: datetime) -> ClinicalDocument:
    attachment = Attachment("application/pdf", one_page_pdf("Bonjour"))
    return ClinicalDocument(
        PATIENT.ins, PATIENT.traits, session.actor, CONSULTATION_REPORT, "Compte rendu", attachment, now, now
    )
