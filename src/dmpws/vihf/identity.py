"""Checks of who calls: Issuer, NameID and authentication context, against the cards."""

import re
from functools import lru_cache

from dmpws.domain.access import AuthMode
from dmpws.domain.directory import PERSON_ID
from dmpws.pki.dn import Dn
from dmpws.vihf import roles, rules
from dmpws.vihf.subject import Subject, shown

X509_SUBJECT_NAME = "urn:oasis:names:tc:SAML:1.1:nameid-format:X509SubjectName"
SMARTCARD = "urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI"
_CLASSES = "urn:oasis:names:tc:SAML:2.0:ac:classes:"
_INDIRECT_CLASSES = (_CLASSES + "Password", _CLASSES + "PasswordProtectedTransport", SMARTCARD,
                     _CLASSES + "unspecified")  # fmt: skip
CLASS_REFS = {
    AuthMode.DIRECTE: (SMARTCARD,),
    AuthMode.INDIRECTE: _INDIRECT_CLASSES,
    AuthMode.INDIRECTE_RENFORCEE: _INDIRECT_CLASSES,
}
"""Authentication classes that real clients send."""

_RPPS = re.compile(r"8[0-9]{11}")


def check(subject: Subject) -> None:
    """Issuer and NameID are the holder of the cards; the context is one of the mode."""
    _issuer(subject)
    _name_id(subject)
    _authentication(subject)


@lru_cache(maxsize=1024)
def _dn(text: str) -> Dn:
    return Dn.parse(text)


def _issuer(subject: Subject) -> None:
    written, report = subject.token, subject.report
    if written.issuer_format != X509_SUBJECT_NAME:
        report.warned(rules.ISSUER_FORMAT, expected=X509_SUBJECT_NAME, found=shown(written.issuer_format) or "absent")
    holder = subject.signer if subject.carries_signature else subject.client
    if holder is None:
        unsigned = "signature refusée : la suite est lue dans un jeton que rien ne garantit"
        report.skipped(rules.ISSUER, unsigned if subject.carries_signature else "pas de certificat où le comparer")
        return
    expected = holder.identity.subject
    try:
        issuer = _dn(written.issuer)
    except ValueError as error:
        report.failed(rules.ISSUER, expected=str(expected), found=f"{shown(written.issuer)} ({error})")
        return
    # Unsigned: the card's other certificate is as good, and it has the same CN (DMPWS D3).
    same_card = not subject.carries_signature and issuer.common_name == expected.common_name != ""
    report.require(
        issuer.matches(expected) or same_card,
        rules.ISSUER,
        expected=str(expected),
        found=shown(written.issuer),
        where="/Assertion/Issuer",
    )


def _name_id(subject: Subject) -> None:
    name_id, report = subject.token.name_id, subject.report
    report.require(
        bool(PERSON_ID.fullmatch(name_id)),
        rules.NAME_ID_FORM,
        expected="899700296140 ou 10B0011797/00B1022322",
        found=shown(name_id) or "absent",
        where="/Assertion/Subject/NameID",
    )
    if subject.mode is not AuthMode.DIRECTE:
        return
    if not subject.holders:
        report.skipped(rules.NAME_ID, "pas de certificat où le comparer")
    for holder in subject.holders:
        report.require(
            name_id == holder.identity.person != "",
            rules.NAME_ID,
            expected=holder.identity.person or "une carte de personne",
            found=shown(name_id),
            where=holder.where,
        )


def _authentication(subject: Subject) -> None:
    """How the person was authenticated: class, and in AIR the primary method and the kind of person."""
    written, mode, report = subject.token, subject.mode, subject.report
    if mode is None:
        return
    report.require(
        written.class_ref in CLASS_REFS[mode],
        rules.CLASS_REF,
        expected=" | ".join(CLASS_REFS[mode]),
        found=shown(written.class_ref) or "absent",
        where="/Assertion/AuthnStatement/AuthnContext/AuthnContextClassRef",
    )
    if mode is not AuthMode.INDIRECTE_RENFORCEE:
        return
    report.require(
        bool(written.declaration),
        rules.AIR_METHOD,
        expected="SmartcardPKI, APP_BROWSER_AUTH ou CONF_EXI_PGSSIS",
        found=shown(written.declaration) or "absent",
        where="/Assertion/AuthnStatement/AuthnContext/AuthnContextDecl",
    )
    first = subject.first_role
    if first:
        professional = roles.is_professional(first)
        ok = bool(_RPPS.fullmatch(written.name_id)) if professional else first.code not in roles.AUTOMATA
        report.require(
            ok,
            rules.AIR_PERSON,
            expected="un numéro RPPS (8 et 11 chiffres), ou une personne qui n'est pas professionnel de santé",
            found=shown(f"{written.name_id}, rôle {first.code}^{first.system}"),
            where="/Assertion/Subject/NameID",
        )
