"""The form of a lot signature: where everything is, exactly as the DMP's clients write it.

Nothing read here is proven yet; what is used afterwards is what `dmpws.signature.engine` returns for the two
references found good here.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from lxml import etree

from dmpws.domain.checks import Refused, Report
from dmpws.signature.canonical import INCLUSIVE, parse_signed
from dmpws.signature.parts import check_identifiers, ds, elements, has_exactly, is_plain, names_of, text_of
from dmpws.signature.rules import LOT, LOT_REFERENCES, LOT_XML, PURPOSE, SIGNATURE_ID, TARGETS
from dmpws.xml.names import DS, XADES
from dmpws.xml.parser import XmlLimits
from dmpws.xml.path import path_of

LIMITS: Final = XmlLimits(octets=1024 * 1024, tags=20_000, depth=30)
"""A real lot signature has 7 KB, and 400 octets per document."""
PURPOSE_SOURCE: Final = "1.2.840.10065.1.12.1.14"
"""ASTM E1762 purpose « Source »."""
MANIFEST_TYPE: Final = f"{DS}Manifest"
XADES_NAMESPACES: Final = frozenset({XADES, "http://uri.etsi.org/01903/v1.2.2#", "http://uri.etsi.org/01903/v1.3.2#"})
PROPERTIES_TYPES: Final = frozenset(
    {f"{ns}SignedProperties" for ns in XADES_NAMESPACES} | {"http://uri.etsi.org/01903#SignedProperties"}
)
"""The DMP's is the v1.1.1 one; the last is the one of XAdES 1.3.2 and later."""

_NAMESPACES: Final[dict[str, Collection[str | None]]] = {
    "Manifest": {DS},
    "SignatureProperties": {DS, None},  # real clients write xmlns="" (DMP-FRAME TD2.1)
    "QualifyingProperties": XADES_NAMESPACES,
}
_UNIQUE = ("Signature", "Manifest", "QualifyingProperties", "SignedProperties")
_FIND_UNIQUE: Any = etree.XPath(f"//*[{' or '.join(f'local-name()={name!r}' for name in _UNIQUE)}]")


@dataclass(frozen=True, slots=True)
class LotForm:
    """A signature whose form is good. The root is ds:Signature."""

    root: etree._Element
    manifest: etree._Element
    qualifying: etree._Element
    purposes: etree._Element | None
    """SignatureProperties."""


def read_form(octets: bytes, report: Report) -> LotForm | None:
    """Parse a lot signature and check its form; None, with failed checks, when it is not the DMP's."""
    try:
        root = parse_signed(octets, LIMITS)
    except Refused as refused:
        for check in refused.checks:
            report.failed(LOT_XML, found=check.message, where=check.where)
        return None
    report.passed(LOT_XML)
    problem = _problem(root)
    unique = check_identifiers(root, report, LOT.identifiers)
    if problem:
        report.failed(LOT.shape, found=problem)
        return None
    report.passed(LOT.shape)
    contents = _contents(root)
    qualifying = next(e for e in contents if etree.QName(e).localname == "QualifyingProperties")
    form = LotForm(
        root=root,
        manifest=next(e for e in contents if e.tag == ds("Manifest")),
        qualifying=qualifying,
        purposes=next((e for e in contents if etree.QName(e).localname == "SignatureProperties"), None),
    )
    return form if _check_references(form, report) and unique else None


def check_labels(form: LotForm, unique_id: str, report: Report) -> None:
    """Identifier, targets and purpose: what the signature says of itself outside of what is signed.

    unique_id: of the document entry that carries the signature.
    """
    identifier = form.root.get("Id", "")
    if identifier == unique_id:
        report.passed(SIGNATURE_ID)
    else:  # the official frame has a UUID here
        report.warned(SIGNATURE_ID, expected=unique_id, found=identifier[:200])
    purposes = elements(form.purposes) if form.purposes is not None else []
    targeting = [form.qualifying, *purposes]
    wrong = next((e for e in targeting if e.get("Target") != f"#{identifier}"), None)
    report.require(
        wrong is None,
        TARGETS,
        expected=f"#{identifier[:200]}",
        found="" if wrong is None else wrong.get("Target", "rien")[:200],
        where="" if wrong is None else path_of(wrong),
    )
    found = [text_of(e)[:100] for e in purposes if etree.QName(e).localname == "SignatureProperty"]
    report.require(found == [PURPOSE_SOURCE], PURPOSE, expected=PURPOSE_SOURCE, found=", ".join(found[:5]) or "rien")


def _contents(root: etree._Element) -> list[etree._Element]:
    return [element for child in list(root)[3:] for element in elements(child)]


def _problem(root: etree._Element) -> str:
    """What the form has that the DMP's has not, or an empty string."""
    if root.tag != ds("Signature"):
        return f"la racine est {etree.QName(root).localname[:100]}, non ds:Signature"
    if not is_plain(root):
        return "un commentaire, une instruction de traitement ou un attribut xml:"
    if not root.get("Id"):
        return "ds:Signature sans Id"
    found = Counter(etree.QName(element).localname for element in _FIND_UNIQUE(root))
    if doubtful := next((name for name in _UNIQUE if found[name] != 1), ""):
        return f"{found[doubtful]} éléments {doubtful}"
    objects = len(root) - 3
    if objects < 1 or not has_exactly(root, "SignedInfo", "SignatureValue", "KeyInfo", *["Object"] * objects):
        return f"ds:Signature contient {names_of(root)}"
    if not has_exactly(root[0], "CanonicalizationMethod", "SignatureMethod", "Reference", "Reference"):
        return f"SignedInfo contient {names_of(root[0])}"
    return _problem_of_contents(_contents(root))


def _problem_of_contents(contents: list[etree._Element]) -> str:
    """What the Objects hold: a Manifest, QualifyingProperties, at most one SignatureProperties."""
    names = sorted(etree.QName(element).localname for element in contents)
    optional = ["SignatureProperties"] if "SignatureProperties" in names else []
    if names != ["Manifest", "QualifyingProperties", *optional]:
        return f"les Object contiennent {', '.join(names[:10])}"
    for element in contents:
        name = etree.QName(element)
        if name.namespace not in _NAMESPACES[name.localname]:
            return f"{name.localname} dans l'espace de noms {name.namespace}"
        inside = [f"{{{name.namespace}}}SignedProperties"]
        if name.localname == "QualifyingProperties" and [child.tag for child in element] != inside:
            return f"QualifyingProperties contient {names_of(element)}"
    return ""


def _check_references(form: LotForm, report: Report) -> bool:
    """Two references, one to the Manifest and one to the SignedProperties, by Type and by identifier."""
    wanted = {MANIFEST_TYPE: form.manifest, "SignedProperties": form.qualifying[0]}
    for reference in list(form.root[0])[2:]:
        kind = reference.get("Type", "")
        target = wanted.pop("SignedProperties" if kind in PROPERTIES_TYPES else kind, None)
        problem = ""
        if target is None:
            problem = f"Type={kind[:200]}"
        elif not target.get("Id") or reference.get("URI") != f"#{target.get('Id')}":
            problem = f"URI={reference.get('URI', '')[:200]} ne désigne pas {etree.QName(target).localname}"
        elif not _is_plain_reference(reference):
            problem = f"Reference contient {names_of(reference)} ou des transformations"
        if problem:
            report.failed(LOT_REFERENCES, found=problem, where=path_of(reference))
            return False
    report.passed(LOT_REFERENCES)
    return True


def _is_plain_reference(reference: etree._Element) -> bool:
    """Without Transforms, or with the one that changes nothing: the inclusive C14N that applies without it."""
    if has_exactly(reference, "DigestMethod", "DigestValue"):
        return True
    return has_exactly(reference, "Transforms", "DigestMethod", "DigestValue") and is_c14n(reference[0])


def is_c14n(transforms: etree._Element) -> bool:
    """Whether Transforms holds inclusive C14N and nothing else."""
    if not has_exactly(transforms, "Transform"):
        return False
    return transforms[0].get("Algorithm") in INCLUSIVE and len(transforms[0]) == 0
