"""Checks of the access asked for: purpose of use, its reason, secret connection."""

from dmpws.domain import oids
from dmpws.domain.access import Purpose
from dmpws.domain.code import Code
from dmpws.vihf import rules, token
from dmpws.vihf.subject import Subject, shown

SECRET_CONNECTION = Code("INVISIBLE_REPRESENTANTS_LEGAUX", oids.VISIBILITY)


def purpose(value: Code | None) -> Purpose | None:
    """Read the purpose of use; None when it is not a code of table R248."""
    if value is None or value.system != oids.PURPOSES or value.code not in set(Purpose):
        return None
    return Purpose(value.code)


def is_secret(subject: Subject) -> bool:
    """Whether the token asks for a secret connection, be it badly: a typing mistake must not show the trace."""
    return token.CONFIDENTIALITY in subject.token.attributes


def check(subject: Subject) -> None:
    """Purpose of use and secret connection."""
    _purpose(subject)
    _secret_connection(subject)


def _purpose(subject: Subject) -> None:
    report, written = subject.report, subject.token.code(token.PURPOSE)
    value = purpose(written)
    found = f"{written.code}^{written.system}" if written else subject.token.text(token.PURPOSE)
    report.require(
        value is not None,
        rules.PURPOSE,
        expected=f"{' | '.join(Purpose)}, système {oids.PURPOSES}",
        found=shown(found) or "absent",
        where=token.PURPOSE,
    )
    if value is not Purpose.BRIS_DE_GLACE:
        return
    if subject.token.has(token.REASON) or not subject.policy.reason_for_bris_de_glace:
        report.passed(rules.REASON, found=shown(subject.token.text(token.REASON)))
    else:
        report.failed(rules.REASON, expected="un motif", found="absent", where=token.REASON)


def _secret_connection(subject: Subject) -> None:
    if not is_secret(subject):
        return
    value = subject.token.code(token.CONFIDENTIALITY)
    if value is None:
        # As a string: `INVISIBLE_REPRESENTANTS_LEGAUX^1.2.250.1.213.1.1.4.13`.
        code, _, system = subject.token.text(token.CONFIDENTIALITY).partition("^")
        value = Code(code, system)
    right = value.same(SECRET_CONNECTION)
    subject.report.require(
        right and subject.policy.secret_connection,
        rules.SECRET,
        expected=f"{SECRET_CONNECTION.code}^{SECRET_CONNECTION.system}"
        if subject.policy.secret_connection
        else "pas de connexion secrète (fonctions-gestion-mineurs est faux)",
        found=shown(f"{value.code}^{value.system}") if value.code else "vide",
        where=token.CONFIDENTIALITY,
    )
