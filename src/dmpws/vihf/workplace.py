"""Checks of where the caller works: legal entity, structure, sector, and the person in the structure."""

import re

from dmpws.domain import oids
from dmpws.domain.access import AuthMode, Purpose
from dmpws.domain.directory import Structure
from dmpws.pki.identity import CertificateKind
from dmpws.vihf import roles, rules, token
from dmpws.vihf.access import purpose
from dmpws.vihf.policy import DirectoryPolicy
from dmpws.vihf.subject import Subject, shown

_SECTOR = re.compile(r"(SA[0-9]{2,3})\^" + re.escape(oids.SECTORS))

_NO_STRUCTURE = {CertificateKind.CPF, CertificateKind.CPS_REMPLACANT}
"""A trainee or a replacement works where the directory cannot know."""
# First digit of PS_IdNat (structure and internal number) to first digit of the Struct_IdNat it holds.
_STRUCTURE_TYPES = {"1": "0", "3": "1", "4": "2", "5": "3", "6": "4"}


def sector_code(value: str) -> str:
    """Code of a Secteur_Activite value, empty when it has another form."""
    match = _SECTOR.fullmatch(value)
    return match[1] if match else ""


def check(subject: Subject) -> None:
    """The structure is that of the certificates, known and active; its sector; the person in it."""
    if subject.mode in (AuthMode.INDIRECTE, AuthMode.INDIRECTE_RENFORCEE):
        _legal_entity(subject)
    structure = _structure(subject)
    _regulation(subject, structure)
    _sector(subject, structure)
    _person(subject, structure)


def _legal_entity(subject: Subject) -> None:
    """Identifiant_Structure is the OU of both certificates, or an EG attached to that EJ (DMPWS D7)."""
    identifier, report = subject.token.text(token.STRUCTURE), subject.report
    known = subject.directory.structure(identifier) if identifier else None
    accepted = {identifier, known.parent if known else ""} - {""}
    for holder in subject.holders:
        ok = holder.identity.structure in accepted
        report.require(
            ok,
            rules.LEGAL_ENTITY,
            expected=f"{holder.identity.structure or 'un certificat de structure'} ou une entité qui en dépend",
            found=shown(identifier) or "absent",
            where=holder.where,
            text="" if ok else rules.LEGAL_ENTITY_ERROR,
        )


def _structure(subject: Subject) -> Structure | None:
    identifier, report = subject.token.text(token.STRUCTURE), subject.report
    if not identifier:
        return None  # said by PRESENT
    structure = subject.directory.structure(identifier)
    if structure is None and subject.policy.directory == DirectoryPolicy.OPEN:
        report.warned(rules.STRUCTURE, found=f"{shown(identifier)}, inconnue et admise (répertoire ouvert)")
        return None
    active = structure is not None and structure.active
    state = "inconnue" if structure is None else "active" if active else "inactive"
    report.require(
        active,
        rules.STRUCTURE,
        expected="une structure active du répertoire",
        found=f"{shown(identifier)}, {state}",
        where=token.STRUCTURE,
        text="" if active else rules.UNKNOWN_STRUCTURE,
    )
    return structure


def _regulation(subject: Subject, structure: Structure | None) -> None:
    """A structure opens records without authorisation under centre_15: it must be a regulation centre.

    In DIRECTE and in AIR a professional answers for it himself (PDT-INF-526, columns A2 and B2).
    """
    code = subject.token.code(token.PURPOSE)
    if structure is None or subject.mode is not AuthMode.INDIRECTE or purpose(code) is not Purpose.CENTRE_15:
        return
    state = "structure de régulation" if structure.regulation else "qui n'en est pas une"
    if not structure.regulation and subject.policy.directory == DirectoryPolicy.OPEN:
        subject.report.warned(rules.REGULATION, found=f"{structure.identifier}, {state}, admise (répertoire ouvert)")
        return
    subject.report.require(
        structure.regulation,
        rules.REGULATION,
        expected="une structure de régulation médicale du répertoire",
        found=f"{structure.identifier}, {state}",
        where=token.STRUCTURE,
    )


def _sector(subject: Subject, structure: Structure | None) -> None:
    written, report = subject.token.text(token.SECTOR), subject.report
    code = sector_code(written)
    if not report.require(
        bool(code),
        rules.SECTOR,
        expected=f"SA07^{oids.SECTORS}",
        found=shown(written) or "absent",
        where=token.SECTOR,
    ):
        return
    if structure is None or not structure.sectors or not subject.policy.sector_of_structure:
        report.skipped(rules.SECTOR_OF_STRUCTURE, "secteurs de la structure inconnus ou non vérifiés")
        return
    report.require(
        code in structure.sectors,
        rules.SECTOR_OF_STRUCTURE,
        expected=", ".join(sorted(structure.sectors)),
        found=code,
        where=token.SECTOR,
    )


def _person(subject: Subject, structure: Structure | None) -> None:
    """The person works in the structure, as far as the directory can say (DMPWS D8)."""
    report, name_id = subject.report, subject.token.name_id
    if reason := _vouched_for(subject):
        report.skipped(rules.PERSON, reason)
        return
    if "/" in name_id:
        _employee(subject, structure)
        return
    if structure is None:
        return  # unknown: said by STRUCTURE, or admitted with whoever works there by an open directory
    person = subject.directory.professional(name_id)
    roams = any(holder.identity.kind in _NO_STRUCTURE for holder in subject.holders)
    if roams and (person is None or person.active):
        report.skipped(rules.PERSON, "la carte ne nomme pas de structure")
        return
    if person is None and subject.policy.directory == DirectoryPolicy.OPEN:
        report.warned(rules.PERSON, found=f"{shown(name_id)}, inconnu et admis (répertoire ouvert)")
        return
    places = {structure.identifier, structure.parent} - {""}
    linked = person is not None and person.active and not places.isdisjoint(person.structures)
    state = "inconnu du répertoire" if person is None else "actif" if person.active else "inactif"
    report.require(
        linked,
        rules.PERSON,
        expected=f"un professionnel actif de {shown(structure.identifier)}",
        found=f"{shown(name_id)}, {state}",
        where="/Assertion/Subject/NameID",
        text="" if linked else rules.NOT_LINKED,
    )


def _employee(subject: Subject, structure: Structure | None) -> None:
    """The card of an employee names the structure before the slash."""
    name_id, claimed = subject.token.name_id, subject.token.text(token.STRUCTURE)
    employer = name_id.partition("/")[0]
    employers = {employer, _STRUCTURE_TYPES.get(employer[:1], employer[:1]) + employer[1:]}
    linked = not employers.isdisjoint({claimed, structure.parent if structure else ""})
    subject.report.require(
        linked,
        rules.PERSON,
        expected=f"un employé de {shown(claimed)}",
        found=shown(name_id),
        where="/Assertion/Subject/NameID",
        text="" if linked else rules.NOT_LINKED,
    )


def _vouched_for(subject: Subject) -> str:
    """Why the link between person and structure is not looked up, empty when it is."""
    first = subject.first_role
    if subject.mode is None:
        return "mode d'authentification inconnu"
    if subject.mode is AuthMode.INDIRECTE:
        return "la structure répond de ses utilisateurs en mode indirect"
    if subject.mode is AuthMode.INDIRECTE_RENFORCEE and not (first and roles.is_professional(first)):
        return "la structure répond de ses employés"
    return ""
