"""Checks of the attributes: present, well-formed, of the value sets, and of the approved software."""

import difflib
import re

from dmpws.domain import oids, patient
from dmpws.domain.access import AuthMode
from dmpws.domain.code import Code
from dmpws.domain.patient import Ins
from dmpws.domain.software import Software
from dmpws.pki.identity import CertificateKind
from dmpws.vihf import access, roles, rules, token
from dmpws.vihf.policy import SoftwarePolicy
from dmpws.vihf.subject import Subject, shown

RESOURCE_URN = "urn:dmp"
# Corsican numbers hold 2A or 2B.
_RESOURCE_ID = re.compile(r"([0-9]{5}(?:[0-9]{2}|2[AB])[0-9]{8})\^\^\^&([0-9.]+)&ISO\^NH")


def resource_id(value: str) -> Ins | None:
    """Read a resource-id; None when it has not the form `<INS>^^^&<OID of an INS>&ISO^NH`."""
    match = _RESOURCE_ID.fullmatch(value)
    if not match or match[2] not in oids.NIR_AUTHORITIES | {oids.INS_NIA}:
        return None
    return Ins(match[1], match[2])


def check(subject: Subject) -> Software | None:
    """Check every attribute but those of identity.py, the NIA last (DMPWS D30); return the listed software."""
    _trainee_card(subject)
    _present(subject)
    _constants(subject)
    _roles(subject)
    access.check(subject)
    software = _software(subject)
    _patient(subject)
    return software


def _trainee_card(subject: Subject) -> None:
    """A CPF says nothing of structure and specialty: the LPS must, and the DMP has a sentence for it."""
    if not any(holder.identity.kind is CertificateKind.CPF for holder in subject.holders):
        return
    missing = [name for name in (token.STRUCTURE, token.SECTOR, token.ROLE) if not subject.token.has(name)]
    written = subject.token.codes(token.ROLE)
    if written and roles.second_system(written[0]) and len(written) == 1:
        missing.append("spécialité (second rôle)")
    subject.report.require(
        not missing,
        rules.TRAINEE_CARD,
        expected="structure, secteur et spécialité",
        found="absent : " + ", ".join(missing) if missing else "",
        text=rules.TRAINEE_CARD_ERROR if missing else "",
    )


def _present(subject: Subject) -> None:
    written = subject.token
    required = list(token.REQUIRED)
    if subject.mode in (AuthMode.INDIRECTE, AuthMode.INDIRECTE_RENFORCEE):
        required.append(token.SUBJECT_ID)
    missing = [_missing(name, written.unknown) for name in required if not written.has(name)]
    subject.report.require(
        not missing,
        rules.PRESENT,
        expected=f"{len(required)} attributs",
        found=shown("absent : " + ", ".join(missing)) if missing else "",
        where="/Assertion/AttributeStatement",
    )


def _missing(name: str, unknown: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(name, unknown[:50], 1, 0.8)
    return f"{name} (le jeton a {shown(near[0])})" if near else name


def _constants(subject: Subject) -> None:
    written, report, versions = subject.token, subject.report, subject.policy.versions
    version, urn = written.text(token.VERSION), written.text(token.URN)
    report.require(
        version in versions,
        rules.VERSION,
        expected=" ou ".join(sorted(versions)),
        found=shown(version) or "absent",
        where=token.VERSION,
    )
    report.require(urn == RESOURCE_URN, rules.URN, expected=RESOURCE_URN, found=shown(urn) or "absent", where=token.URN)


def _roles(subject: Subject) -> None:
    report, written = subject.report, subject.token.codes(token.ROLE)
    if len(written) != len(subject.token.attributes.get(token.ROLE, ())):
        report.failed(rules.ROLES, expected="des éléments Role de HL7 v3", found="du texte", where=token.ROLE)
        return
    if not written:
        return  # said by PRESENT
    listed = subject.policy.listed_roles
    outside = [role for role in written if listed and (role.code, role.system) not in roles.listed()]
    if written[0].system not in roles.FIRST:
        outside.insert(0, written[0])
    report.require(
        not outside,
        rules.ROLES,
        expected="une profession ou une fonction en premier, et des codes de JDV_J65",
        found=shown(", ".join(f"{r.code}^{r.system}" for r in outside)),
        where=token.ROLE,
    )
    _specialty(subject, written)
    _profession(subject, written[0])


def _specialty(subject: Subject, written: tuple[Code, ...]) -> None:
    system = roles.second_system(written[0])
    if not system:
        return
    present = any(role.system == system for role in written[1:])
    doctor = roles.is_doctor(written[0])
    subject.report.require(
        present,
        rules.SPECIALTY,
        expected=f"un second rôle du système {system}",
        found="" if present else "aucun",
        where=token.ROLE,
        text=rules.NO_SPECIALTY if doctor and not present else "",
    )


def _profession(subject: Subject, role: Code) -> None:
    """In DIRECTE only the card answers for its holder: what it says of his profession holds (DMPWS D144)."""
    if subject.mode is not AuthMode.DIRECTE or not subject.policy.profession_of_card:
        return
    for holder in subject.holders:
        trainee = holder.identity.kind is CertificateKind.CPF
        expected = Code(holder.identity.profession, oids.TRAINEE_PROFESSIONS if trainee else oids.PROFESSIONS)
        # A professional may act as less than he is: as his own secretary.
        if expected.code and role.system in (oids.PROFESSIONS, oids.TRAINEE_PROFESSIONS):
            subject.report.require(
                role.same(expected),
                rules.PROFESSION,
                expected=f"{expected.code}^{expected.system}",
                found=shown(f"{role.code}^{role.system}"),
                where=holder.where,
            )


def _software(subject: Subject) -> Software | None:
    """The approval number is that of an approved product (DMPWS D9); what it allows depends on the transaction."""
    number, report = subject.token.text(token.APPROVAL), subject.report
    if not number:
        return None  # said by PRESENT
    software = subject.directory.software(number)
    if software is None and subject.policy.software == SoftwarePolicy.ANY:
        report.warned(rules.SOFTWARE, found=f"{shown(number)}, inconnu et admis (tout numéro est admis)")
        return None
    problem = "inconnu" if software is None else software.problem(subject.now.date())
    report.require(
        not problem,
        rules.SOFTWARE,
        expected="un numéro d'homologation en vigueur",
        found=f"{shown(number)}, {problem or 'homologué'}",
        where=token.APPROVAL,
    )
    return software


def _patient(subject: Subject) -> None:
    written, report = subject.token.text(token.RESOURCE_ID), subject.report
    ins = resource_id(written)
    wrong = rules.WRONG_RESOURCE_ID + shown(written)
    if not report.require(
        ins is not None,
        rules.PATIENT,
        expected=f"<INS>^^^&<OID>&ISO^NH, OID parmi {', '.join(sorted(oids.NIR_AUTHORITIES))}",
        found=shown(written) or "absent",
        where=token.RESOURCE_ID,
        text="" if ins else wrong,
    ):
        return
    assert ins is not None
    key = ins.value[13:]
    right = patient.nir_key(ins.value[:13])
    report.require(
        key == right,
        rules.PATIENT_KEY,
        expected=f"clé {right}",
        found=f"clé {key}",
        where=token.RESOURCE_ID,
        text="" if key == right else wrong,
    )
    report.require(
        not ins.is_nia,
        rules.NIA,
        expected="un INS-NIR",
        found=f"OID {ins.authority}",
        where=token.RESOURCE_ID,
        text=f"{wrong} ; {rules.NIA.title}" if ins.is_nia else "",
    )
