"""The Manifest of a lot against the lot: the submission set, each document once, nothing else (ITI TF-3 5.5)."""

from collections.abc import Mapping
from typing import Final

from lxml import etree

from dmpws.domain.checks import Refused, Report, refusal
from dmpws.domain.octets import Octets
from dmpws.signature.canonical import C14N_WITH_COMMENTS, document_digest, parse_signed
from dmpws.signature.lot_form import is_c14n
from dmpws.signature.parts import (
    HASHES,
    base64_text,
    check_sha1,
    ds,
    has_exactly,
    names_of,
    text_of,
    value_of,
)
from dmpws.signature.rules import DIGEST, DOCUMENTS, LOT, MANIFEST, SUBMISSION_SET
from dmpws.xml.parser import SIZE, XmlLimits
from dmpws.xml.path import path_of

SUBMISSION_SET_DIGEST: Final = "AA=="
"""One zero octet: the submission set has no octets to digest."""
DOCUMENT_LIMITS: Final = XmlLimits(octets=32 * 1024 * 1024)
"""Bounds of an XML document, which must be held in memory as a tree to be canonicalised."""
_OID: Final = "urn:oid:"


def check_manifest(manifest: etree._Element, *, sha1: bool, report: Report) -> dict[str, etree._Element]:
    """Check the form of a signed Manifest; return its well-formed references by URI.

    sha1: whether SHA-1 is let in, with a warning.
    """
    found: dict[str, etree._Element] = {}
    problem = where = ""
    for reference in manifest:
        uri = reference.get("URI", "")
        what = _problem(reference) or (f"{uri[:200]} désigné deux fois" if uri in found else "")
        if what and not problem:
            problem, where = what, path_of(reference)
        elif not what:
            found[uri] = reference
    report.require(not problem, MANIFEST, found=problem, where=where)
    check_sha1(manifest, sha1=sha1, report=report, rule=LOT.sha1)
    return found


def check_lot(
    references: Mapping[str, etree._Element],
    submission_set: str,
    documents: Mapping[str, Octets | None],
    limits: XmlLimits,
    report: Report,
) -> None:
    """Compare the references of a Manifest with the lot.

    submission_set: its uniqueId. documents: octets by uniqueId, None when they are known to have been erased.
    limits: of a document that must be canonicalised.
    """
    whole = references.get(_OID + submission_set)
    digest = text_of(whole.find(ds("DigestValue"))) if whole is not None else "aucune référence"
    report.require(
        whole is not None and digest == SUBMISSION_SET_DIGEST and whole.find(ds("Transforms")) is None,
        SUBMISSION_SET,
        expected=f"{_OID}{submission_set} avec {SUBMISSION_SET_DIGEST}",
        found=digest[:100],
    )
    wanted = {_OID + unique_id for unique_id in documents}
    named = set(references) - {_OID + submission_set}
    missing, foreign = sorted(wanted - named), sorted(named - wanted)
    problems = [f"non signé : {uri}" for uri in missing[:10]] + [f"hors du lot : {uri[:200]}" for uri in foreign[:10]]
    report.require(not problems, DOCUMENTS, expected=f"{len(documents)} document(s)", found=" ; ".join(problems))
    for unique_id, octets in documents.items():
        if (reference := references.get(_OID + unique_id)) is not None:
            _check_digest(unique_id, octets, reference, limits, report)


def _problem(reference: etree._Element) -> str:
    if reference.tag != ds("Reference"):
        return f"{etree.QName(reference).localname[:100]} dans le Manifest"
    if has_exactly(reference, "Transforms", "DigestMethod", "DigestValue"):
        if not is_c14n(reference[0]):
            algorithms = " ".join(str(child.get("Algorithm")) for child in reference[0])
            return f"transformation autre que C14N : {algorithms[:200] or 'aucune'}"
    elif not has_exactly(reference, "DigestMethod", "DigestValue"):
        return f"Reference contient {names_of(reference)}"
    method, value = reference[-2], reference[-1]
    if method.get("Algorithm") not in HASHES or len(method):
        return f"algorithme d'empreinte {method.get('Algorithm', '')[:200]}"
    return "" if value_of(value) and len(value) == 0 else f"empreinte illisible : {text_of(value)[:100]}"


def _check_digest(
    unique_id: str, octets: Octets | None, reference: etree._Element, limits: XmlLimits, report: Report
) -> None:
    if octets is None:
        report.skipped(DIGEST, f"les octets du document {unique_id} ont été effacés")
        return
    algorithm = HASHES[reference[-2].get("Algorithm", "")]
    signed = value_of(reference[-1])
    stored = bytes.fromhex(octets.sha256 if algorithm == "sha256" else octets.sha1)
    text = f"Le document {unique_id} n'est pas celui qui a été signé"
    computed = stored
    if len(reference) == 3:
        comments = reference[0][0].get("Algorithm") == C14N_WITH_COMMENTS
        try:
            computed = _canonical_digest(octets, algorithm, limits, comments=comments)
        except Refused as refused:
            check = refused.checks[0]
            what = f"{check.message} (document {unique_id}, qu'il faut canoniser)"
            report.failed(DIGEST, found=what, where=check.where, text=f"Le document {unique_id} est illisible")
            return
        if signed == stored != computed:
            text += " : l'empreinte signée est celle des octets, alors que la transformation annonce C14N"
    report.require(
        computed == signed,
        DIGEST,
        expected=f"empreinte {base64_text(signed or b'')[:100]}",
        found=f"empreinte {base64_text(computed)}",
        where=unique_id,
        text="" if computed == signed else text,
    )


def _canonical_digest(octets: Octets, algorithm: str, limits: XmlLimits, *, comments: bool) -> bytes:
    """Digest of the canonical form of an XML document, read whole because a tree is needed."""
    if octets.size > limits.octets:
        raise refusal(SIZE, expected=f"au plus {limits.octets} octets", found=f"{octets.size} octets")
    return document_digest(parse_signed(octets.read(), limits), algorithm, comments=comments)
