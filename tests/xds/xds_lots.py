"""Lots of any number of documents, made from the example lot of transactions/TD2.1."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from xds_world import MASK, Frame, fill, placeholders

from dmpws.codec.ebxml.attachments import InlineOctets
from dmpws.domain.octets import Octets
from dmpws.resources import folder
from dmpws.xml.parser import parse

_EXAMPLES = folder("transactions") / "TD2.1"
_REQUEST = (_EXAMPLES / "request.xml").read_text("utf-8")
_CDA = (_EXAMPLES / "document.xml").read_text("utf-8")


def _cut(start: str, end: str) -> str:
    """The first piece of the request between two texts, both included."""
    begin = _REQUEST.index(start)
    return _REQUEST[begin : _REQUEST.index(end, begin) + len(end)]


_ENTRY = _cut('<rim:ExtrinsicObject id="document"', "</rim:ExtrinsicObject>")
_MEMBER = _cut('<rim:Association id="member-document"', "</rim:Association>")
_DOCUMENT = _cut('<xds:Document id="document">', "</xds:Document>")
TYPE = "11488-4"
LIST_END = "</rim:RegistryObjectList>"


@dataclass(frozen=True)
class Document:
    """One document of a lot. id: its symbolic id in the message. type_code: another one than the example's."""

    id: str
    unique_id: str
    masked: bool = False
    type_code: str = TYPE

    @property
    def entry(self) -> str:
        text = _ENTRY.replace("<!-- formatCode -->", MASK) if self.masked else _ENTRY
        text = text.replace(f'nodeRepresentation="{TYPE}"', f'nodeRepresentation="{self.type_code}"')
        return self._named(text.replace('id="c', f'id="{self.id}-c').replace('id="m1"', f'id="{self.id}-m1"'))

    @property
    def member(self) -> str:
        return self._named(_MEMBER.replace("member-document", f"member-{self.id}"))

    @property
    def attachment(self) -> str:
        return self._named(_DOCUMENT.replace("document@example", f"{self.id}@example"))

    def cda(self, values: Mapping[str, str]) -> bytes:
        """Its CDA, in a set of its own."""
        values = {**values, "document_unique_id": self.unique_id, "document_set_id": f"{self.unique_id}.4"}
        return fill(_CDA, values).encode()

    def _named(self, text: str) -> str:
        return text.replace('"document"', f'"{self.id}"').replace("{{document_unique_id}}", self.unique_id)


def lot_of(documents: Sequence[Document], objects: str = "", values: Mapping[str, str] | None = None) -> Frame:
    """A lot of these documents. objects: more of the list, as XML; values: its placeholders."""
    values = values or placeholders()
    text = _REQUEST
    for piece, made in (
        (_ENTRY, [d.entry for d in documents]),
        (_MEMBER, [d.member for d in documents]),
        (_DOCUMENT, [d.attachment for d in documents]),
        (LIST_END, [objects, LIST_END]),
    ):
        text = text.replace(piece, "".join(made), 1)
    parts: dict[str, Octets] = {f"{d.id}@example": InlineOctets(d.cda(values)) for d in documents}
    parts["signature@example"] = InlineOctets(b"<Signature/>")
    return Frame(parse(fill(text, values).encode()), parts, values)
