"""Official schemas of the DMP in a folder that the operator names: they are not ours to ship.

Layout: that of the official package, `schema/` with `ebRS/`, `IHE/`, `HL7V3/NE2008` and `HL7V3/NE2009`, and beside
it `wsdl/`, whose files embed the schemas of the services specific to the DMP.

libxml2 honours only the first import of a namespace, so the HL7 messages are compiled one by one, 305 and 306 in
edition NE2008, the others in NE2009. For the same reason the wrappers of the answers to TD1.x are left out.
"""

from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from dmpws.xml.names import HL7, LCM, QUERY, RS, XDSB, XS
from dmpws.xml.parser import parse

_MESSAGES = {"NE2008": (305, 306), "NE2009": (307, 308, *range(311, 317))}
_XDS_FILE = "IHE/XDS.b_DocumentRepository.xsd"
_XDS_MESSAGES = (
    f"{{{XDSB}}}ProvideAndRegisterDocumentSetRequest",
    f"{{{XDSB}}}RetrieveDocumentSetRequest",
    f"{{{XDSB}}}RetrieveDocumentSetResponse",
    f"{{{RS}}}RegistryResponse",
    f"{{{LCM}}}SubmitObjectsRequest",
    f"{{{LCM}}}RemoveObjectsRequest",
    f"{{{QUERY}}}AdhocQueryRequest",
    f"{{{QUERY}}}AdhocQueryResponse",
)
_EMBEDDED = ("Habilitations.wsdl", "PatientsSpecific.wsdl", "patientCertif.wsdl")


def official_bodies(folder: Path) -> dict[str, etree.XMLSchema]:
    """Compile what the folder has, by qualified name of the message.

    Raises FileNotFoundError when the folder is not a schema folder of the official package.
    """
    compiled: dict[str, etree.XMLSchema] = {}
    for edition, numbers in _MESSAGES.items():
        for n in numbers:
            file = folder / "HL7V3" / edition / "multicacheschemas" / f"PRPA_IN201{n}UV02.xsd"
            compiled[f"{{{HL7}}}PRPA_IN201{n}UV02"] = _compile(file)
    compiled |= dict.fromkeys(_XDS_MESSAGES, _compile(folder / _XDS_FILE))
    for name in _EMBEDDED:
        compiled |= dict(_embedded(folder.parent / "wsdl" / name))
    return compiled


def _compile(file: Path) -> etree.XMLSchema:
    if not file.is_file():
        raise FileNotFoundError(f"{file} is missing: not the schema folder of the official package")
    return etree.XMLSchema(file=str(file))


def _embedded(wsdl: Path) -> Iterator[tuple[str, etree.XMLSchema]]:
    """The elements that a WSDL declares in its own types, when it is there."""
    if not wsdl.is_file():
        return
    for schema in parse(wsdl.read_bytes()).iter(f"{{{XS}}}schema"):
        compiled = etree.XMLSchema(schema)
        for element in schema.iterchildren(f"{{{XS}}}element"):
            yield f"{{{schema.get('targetNamespace')}}}{element.get('name')}", compiled
