"""Checks of the certificates around a token: the one that signed it and the one of the TLS connection."""

from dmpws.domain.access import AuthMode
from dmpws.pki.identity import PERSON_KINDS, CertificateIdentity, CertificateKind
from dmpws.pki.trust import TrustStore
from dmpws.vihf import rules
from dmpws.vihf.subject import Subject

_SIGNING = {
    AuthMode.DIRECTE: PERSON_KINDS,
    AuthMode.INDIRECTE: frozenset({CertificateKind.ORG_SIGN}),
    AuthMode.INDIRECTE_RENFORCEE: frozenset({CertificateKind.ORG_SIGN}),
}
_CLIENT = {
    AuthMode.DIRECTE: PERSON_KINDS,
    AuthMode.INDIRECTE: frozenset({CertificateKind.ORG_AUTH_CLI}),
    AuthMode.INDIRECTE_RENFORCEE: frozenset({CertificateKind.ORG_AUTH_CLI}),
}


def check(subject: Subject, trust: TrustStore) -> None:
    """Signature present where needed, right signing certificate, right TLS certificate, both valid today."""
    mode = subject.mode
    if mode:
        # Unsigned, the TLS card alone says who calls (DMPWS D3).
        by_card = mode is AuthMode.DIRECTE and subject.policy.unsigned_direct and subject.client is not None
        subject.report.require(
            subject.carries_signature or by_card,
            rules.SIGNED,
            expected="une signature, ou une carte au bout de la connexion TLS en mode DIRECTE",
            found=f"{'signé' if subject.carries_signature else 'non signé'}, mode {mode}",
        )
    if subject.signer:
        _signing_certificate(subject, mode)
        trust.validate(subject.signer.certificate, subject.now, subject.report, where=subject.signer.where)
    if subject.client:
        _client_certificate(subject, mode)
        trust.validate(subject.client.certificate, subject.now, subject.report, where=subject.client.where)
    _cards(subject)


def _signing_certificate(subject: Subject, mode: AuthMode | None) -> None:
    assert subject.signer
    signer, report = subject.signer.identity, subject.report
    if (
        mode is AuthMode.INDIRECTE_RENFORCEE
        and subject.policy.air_client_certificate
        and signer.kind is CertificateKind.ORG_AUTH_CLI
    ):
        # The official AIR sample is signed so (DMPWS D5).
        report.passed(rules.SIGNING_USAGE, found=_described(signer), where=subject.signer.where)
        return
    distinct = subject.client is None or subject.signer.public_key != subject.client.public_key
    report.require(
        signer.signs and distinct,
        rules.SIGNING_USAGE,
        expected="keyUsage nonRepudiation ou EKU emailProtection, clé distincte de celle du certificat TLS",
        found=_described(signer) + ("" if distinct else ", clé du certificat TLS"),
        where=subject.signer.where,
        text="" if signer.signs and distinct else rules.NOT_A_SIGNATURE_CERTIFICATE,
    )
    if mode:
        report.require(
            signer.kind in _SIGNING[mode],
            rules.SIGNING_KIND,
            expected=f"{_kinds(_SIGNING[mode])} en mode {mode}",
            found=_described(signer),
            where=subject.signer.where,
        )


def _client_certificate(subject: Subject, mode: AuthMode | None) -> None:
    assert subject.client
    client = subject.client.identity
    if mode:
        subject.report.require(
            client.authenticates and client.kind in _CLIENT[mode],
            rules.TLS_KIND,
            expected=f"certificat d'authentification {_kinds(_CLIENT[mode])} en mode {mode}",
            found=_described(client),
            where=subject.client.where,
        )


def _cards(subject: Subject) -> None:
    """What the operator says of these very certificates; most are not listed, and then their authority says all."""
    known = {card.serial: card for card in subject.directory.cards([h.identity.serial for h in subject.holders])}
    for holder in subject.holders:
        card = known.get(holder.identity.serial)
        if card is None:
            continue
        right = card.holder in (holder.identity.person, holder.identity.structure)
        state = "à un autre porteur" if not right else "en service" if card.active else "en opposition"
        subject.report.require(
            right and card.active,
            rules.CARD,
            expected="une carte en service, à son porteur",
            found=f"série {card.serial}, {state}",
            where=holder.where,
        )


def _kinds(kinds: frozenset[CertificateKind]) -> str:
    return " ou ".join(sorted(kinds))


def _described(identity: CertificateIdentity) -> str:
    usage = "signature" if identity.signs else "authentification" if identity.authenticates else "autre usage"
    return f"{identity.kind} ({usage}), série {identity.serial}"
