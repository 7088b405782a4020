"""Checks of form and time: what can be said of a token before knowing who made it."""

import re
from datetime import UTC, datetime, timedelta

from dmpws.domain.access import AuthMode
from dmpws.vihf import rules
from dmpws.vihf.subject import Subject, shown

# SAML2 1.3.3: UTC, without time zone component other than Z. Some clients write seven digits of fraction.
_INSTANT = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]{1,9})?(?:Z|\+00:00)")
# `_<uuid>` or a bare UUID in the frames; any other xs:ID long enough to be unique does no harm.
_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{15,127}")
_HARMLESS = {"AudienceRestriction", "OneTimeUse", "ProxyRestriction"}


def instant(text: str) -> datetime | None:
    """Read a SAML instant as an aware UTC datetime; None when `text` is not one."""
    if not (match := _INSTANT.fullmatch(text)):
        return None
    try:
        return datetime.fromisoformat(match[1] + (match[2] or "")[:7]).replace(tzinfo=UTC)
    except ValueError:
        return None


def check(subject: Subject) -> None:
    """Shape, version, ID, mode, and repeated attributes, then the clock."""
    token, report = subject.token, subject.report
    wrong = [f"{name} × {count}" for name, count in token.shape.items() if count != 1]
    report.require(not wrong, rules.FORM, expected="un de chaque", found=", ".join(wrong), where="/Assertion")
    report.require(token.version == "2.0", rules.SAML_VERSION, expected="2.0", found=shown(token.version))
    report.require(bool(_ID.fullmatch(token.id)), rules.ID, expected="_<uuid>", found=shown(token.id), where="@ID")
    report.require(
        not token.contradicted,
        rules.REPEATED,
        expected="une valeur",
        found="plusieurs valeurs pour " + ", ".join(token.contradicted) if token.contradicted else "",
    )
    report.require(
        subject.mode is not None,
        rules.MODE,
        expected=" | ".join(AuthMode),
        found=shown(token.text("Authentification_mode")) or "absent",
    )
    _clock(subject)


def _clock(subject: Subject) -> None:
    token, report, policy, now = subject.token, subject.report, subject.policy, subject.now
    issued = instant(token.issue_instant)
    if not report.require(
        issued is not None, rules.INSTANT, expected="AAAA-MM-JJThh:mm:ss.sssZ", found=shown(token.issue_instant)
    ):
        return
    assert issued is not None
    air = subject.mode is AuthMode.INDIRECTE_RENFORCEE
    limit = policy.air_max_age if air else policy.max_age
    report.require(
        now - issued <= limit,
        rules.AIR_AGE if air else rules.AGE,
        expected=f"{_seconds(limit)} au plus",
        found=f"{_seconds(now - issued)} (émis {token.issue_instant}, reçu {now.isoformat()})",
        where="@IssueInstant",
    )
    report.require(
        issued - now <= policy.max_future,
        rules.FUTURE,
        expected=f"{_seconds(policy.max_future)} d'avance au plus",
        found=f"émis {token.issue_instant}, reçu {now.isoformat()}",
        where="@IssueInstant",
    )
    _conditions(subject)


def _conditions(subject: Subject) -> None:
    """The DMP says not to use Conditions; a token that has some is held to them (SAML2 2.5.1.2)."""
    conditions, report, now = subject.token.conditions, subject.report, subject.now
    if conditions is None:
        return
    not_before, not_after = instant(conditions.not_before), instant(conditions.not_after)
    readable = bool(not_before) == bool(conditions.not_before) and bool(not_after) == bool(conditions.not_after)
    early = not_before is not None and now < not_before - subject.policy.max_future
    late = not_after is not None and now >= not_after
    unknown = sorted(set(conditions.children) - _HARMLESS)
    found = f"NotBefore={conditions.not_before} NotOnOrAfter={conditions.not_after} {' '.join(unknown)}".strip()
    if not readable or early or late or unknown:
        report.failed(rules.CONDITIONS, expected=f"valable à {now.isoformat()}", found=shown(found))
    else:
        report.warned(rules.CONDITIONS, expected="pas de Conditions dans un VIHF", found=shown(found))


def _seconds(duration: timedelta) -> str:
    if abs(duration.days) > 1:
        return f"{duration.days} jours"
    return f"{round(duration.total_seconds(), 3):.10g} s"
