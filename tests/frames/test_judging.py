"""Frames judged without a server: the same verdicts as the server's, and what is almost right said plainly."""

import re
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from frames_world import PATIENT, Tap, document

from dmpws import cast
from dmpws.client import Deposit, LpsSession
from dmpws.config import Config
from dmpws.domain.checks import Refused
from dmpws.frames.judging import Judgement, judge
from dmpws.frames.reading import Kind, understand

INS = PATIENT.ins


def broken(judgement: Judgement) -> list[str]:
    return [check.rule.id for check in judgement.failures]


def test_a_good_message_breaks_no_rule(session: LpsSession, tap: Tap, config: Config) -> None:
    session.add_authorisation(INS)
    found = judge(understand(tap.sent), config)
    assert (found.what, broken(found)) == ("enveloppe SOAP : TD0.3 Mise à jour de l'autorisation d'accès", [])
    assert list(found.sections) == ["Enveloppe", "VIHF", "Message"]
    assert {c.rule.id for c in found.sections["Message"]} >= {"SCHEMA-HABILITATIONS", "ADM-RIGHTS", "ADM-OPEN"}


def test_a_record_is_missing_only_where_the_transaction_wants_it(
    session: LpsSession, tap: Tap, config: Config, now: datetime
) -> None:
    session.create_record(cast.PATIENTS["conteste"].ins, cast.PATIENTS["conteste"].traits, consent=now)
    frame = understand(tap.sent)
    assert broken(judge(frame, config)) == []
    assert broken(judge(frame, config, state="active")) == ["TD11-FOUND"]


@pytest.mark.parametrize("alone", [False, True], ids=["envelope", "body"])
def test_each_transaction_of_one_operation_gets_the_record_it_wants(
    session: LpsSession, tap: Tap, config: Config, now: datetime, alone: bool
) -> None:
    """TD1.2 a closed one, TD1.1 none, although the patient of the frame has one in the cast."""
    name, traits = PATIENT.traits.name, PATIENT.traits
    frames = {
        "TD1.1": lambda: session.create_record(INS, traits, consent=now),
        "TD1.2": lambda: session.reactivate_record(INS, name, consent=now),
        "TD1.3a": lambda: session.read_administrative_data(INS),
        "TD1.3b": lambda: session.change_administrative_data(INS, traits),
        "TD1.4": lambda: session.close_record(INS, name),
    }
    for code, send in frames.items():
        send()
        octets = re.search(rb"<PRPA.*(?=</[a-z]*:?Body>)", tap.sent, re.DOTALL)[0] if alone else tap.sent  # type: ignore[index]
        judgement = judge(understand(octets), config)
        assert broken(judgement) == []
        assert f": {code} " in judgement.what


def test_a_lot_is_judged_with_its_documents_and_signature(
    session: LpsSession, tap: Tap, config: Config, now: datetime
) -> None:
    lot = session.build_lot(INS, [Deposit(document(session, now))])
    session.send_lot(INS, lot)
    good = judge(understand(tap.sent), config)
    assert broken(good) == []
    assert "TD2.1" in good.what and "MTOM" in good.what
    assert {c.rule.id for c in good.sections["Message"]} >= {"LOT-VALEUR", "CDA-PATIENT", "XDS-CLASS", "SCHEMA-SECOND"}
    head = f"POST /services/repository HTTP/1.1\r\nContent-Type: {tap.content_type}\r\n\r\n".encode()
    assert broken(judge(understand(head + tap.sent), config)) == []
    other = replace(document(session, now), title="Autre titre").to_xml()
    session.send_lot(INS, lot.with_document(0, other))
    bad = judge(understand(tap.sent), config)
    assert broken(bad)[0] == "LOT-EMPREINTE"
    assert {"CDA-ID", "CDA-TITLE"} <= set(broken(bad))
    title = next(c for c in bad.failures if c.rule.id == "CDA-TITLE")
    assert (title.expected, title.found) == ("Compte rendu (fiche)", "Autre titre (CDA)")
    assert re.search(r"ligne \d+, /Envelope/Body/.*/ExtrinsicObject", title.where)


def test_an_expired_vihf_does_not_hide_the_rest(session: LpsSession, tap: Tap, config: Config, now: datetime) -> None:
    session.add_authorisation(INS)
    octets = tap.sent.replace(b"AJOUT", b"AJOUTER")
    later = judge(understand(octets), config, at=now + timedelta(hours=2))
    assert set(broken(later)) == {"VIHF-AGE", "SCHEMA-HABILITATIONS", "SCHEMA-SECOND"}
    assert set(broken(judge(understand(octets), config))) == {"SCHEMA-HABILITATIONS", "SCHEMA-SECOND"}
    lines = [line for line, text in enumerate(octets.split(b"\n"), 1) if b"AJOUTER" in text]
    schema = next(check for check in later.failures if check.rule.id == "SCHEMA-HABILITATIONS")
    assert schema.where == f"/Envelope/Body/setAuthorization/action (ligne {lines[0]})"


def test_a_line_is_one_of_the_file(session: LpsSession, tap: Tap, config: Config) -> None:
    session.add_authorisation(INS)
    octets = tap.sent.replace(b"?>", b"?>\n<!-- two -->\n", 1).replace(b"<saml2:NameID>", b"\n<saml2:Name>")
    octets = octets.replace(b"</saml2:NameID>", b"</saml2:Name>")
    judgement = judge(understand(octets), config)
    root = understand(octets).root
    [name] = root.iter("{*}Name")
    said = [check.where for check in judgement.failures if check.rule.id == "SCHEMA-VIHF"]
    assert said, broken(judgement)
    assert all(f"ligne {name.sourceline}" in where for where in said), said


@pytest.mark.parametrize(
    ("old", "new", "rules", "text"),
    [
        (b'urn:si-dmp-habilitations"', b'urn:si-dmp-habilitation"', ["FRAME-BODY"], "un autre espace de noms"),
        (b"setAuthorization", b"setAutorisation", ["FRAME-BODY", "FRAME-ACTION"], "un autre nom"),
        (b"EndPoint:setAuthorization", b"EndPoint:setAuth", ["FRAME-ACTION"], ""),
        (b"/habilitations<", b"/patients<", ["FRAME-ADDRESS"], ""),
    ],
    ids=["namespace", "name", "action", "address"],
)
def test_what_is_almost_an_operation(
    session: LpsSession, tap: Tap, config: Config, old: bytes, new: bytes, rules: list[str], text: str
) -> None:
    session.add_authorisation(INS)
    assert old in tap.sent
    found = judge(understand(tap.sent.replace(old, new)), config)
    first = [rule for rule in broken(found) if rule.startswith("FRAME-")]
    assert first == rules
    assert "TD0.3" in found.what
    assert text in found.failures[0].text


def test_what_is_like_nothing(config: Config) -> None:
    assert broken(judge(understand(b"<qqqq/>"), config)) == ["FRAME-BODY"]


def test_a_body_alone_and_an_answer(session: LpsSession, tap: Tap, config: Config) -> None:
    body = b'<setAuthorization xmlns="urn:si-dmp-habilitations"><action>AJOUT</action></setAuthorization>'
    assert broken(judge(understand(body), config)) == []
    answer = body.replace(b"setAuthorization", b"setAuthorizationResponse").replace(
        b"<action>AJOUT</action>", b"<output><status>DMPOk</status><context>Fait</context></output>"
    )
    found = judge(understand(answer), config)
    assert (found.what, broken(found)) == ("réponse du DMP, contenu d'un Body SOAP, sans enveloppe", [])
    assert list(found.sections) == ["Réponse"]


def test_documents_alone(session: LpsSession, config: Config, now: datetime) -> None:
    cda = document(session, now).to_xml()
    good = judge(understand(cda), config)
    assert (good.what, broken(good)) == (Kind.CDA, [])
    assert len(good.sections["Document"]) > 20
    long = cda.replace(b"<title>Compte rendu<", b"<title>" + b"x" * 129 + b"<")
    assert "XDS-TITLE" in broken(judge(understand(long), config))
    lot = session.build_lot(INS, [Deposit(cda)])
    signature = list(lot.attachments.values())[-1]
    with signature.open() as stream:
        octets = stream.read()
    assert broken(judge(understand(octets), config)) == []
    assert "LOT-VALEUR" in broken(judge(understand(octets.replace(b"<SignatureValue>", b"<SignatureValue>AA")), config))


def test_a_token_alone(session: LpsSession, config: Config, now: datetime) -> None:
    token = session.token(INS)
    found = judge(understand(token), config)
    assert (found.what, broken(found)) == (Kind.VIHF, [])
    altered = token.replace(b'code="normal"', b'code="bris_de_glace"')
    assert "SIG-CONTENU" in broken(judge(understand(altered), config))


@pytest.mark.parametrize(
    "octets", [b"", b"hello", b"<a>", b"<!DOCTYPE a><a/>", b"--b\r\n\r\n", b"POST / HTTP/1.1\r\n\r\n"]
)
def test_what_is_no_frame_at_all(octets: bytes) -> None:
    with pytest.raises(Refused):
        understand(octets)


def test_the_official_frames(reference: Path, config: Config) -> None:
    frames = reference / "frames"

    def of(name: str) -> set[str]:
        return set(broken(judge(understand((frames / name).read_bytes()), config)))

    # Anonymised: the Issuer is another card, the document another one than the signed one.
    assert of("td0.2-request.xml") == of("td0.3-request.xml") == {"VIHF-ISSUER"}
    assert of("td3.1-request.xml") == {"VIHF-ISSUER"}
    assert of("td2.1-request.mime") >= {"VIHF-ISSUER", "LOT-LOT", "LOT-DOCUMENTS", "CDA-ID", "PKI-PATH"}
    assert of("td2.1-signaturexades.xml") == {"PKI-PATH"}
    assert of("td0.2-response.xml") == of("td3.1-response.xml") == set()
    with pytest.raises(Refused):
        understand((frames / "vihf-directe.xml").read_bytes())
