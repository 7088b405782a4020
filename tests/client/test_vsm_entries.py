"""A synthesis as typed entries: what is built is read back, the official samples, and the three policies."""

import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmpws.cast import PATIENTS
from dmpws.client import Actor, LpsSession, read_vsm, vsm
from dmpws.client.cda import LOINC
from dmpws.client.clinical import Interval, Quantity
from dmpws.client.lot import Deposit
from dmpws.client.vsm import (
    Allergy,
    Entry,
    FamilyProblem,
    Finding,
    Heading,
    Item,
    Problem,
    Procedure,
    Treatment,
    Unread,
)
from dmpws.codec.cda import parse_document
from dmpws.codec.cda_metadata import entry_of
from dmpws.domain.access import AuthMode
from dmpws.domain.checks import Refused, Report
from dmpws.domain.code import Code
from dmpws.domain.document import Status
from dmpws.domain.lot.vsm import is_vsm
from dmpws.soap.official_cda import cda_checker
from dmpws.soap.validation import Schemas
from dmpws.testing.local import LocalApp

NOW = datetime(2026, 11, 21, 11, tzinfo=UTC)
PATIENT = PATIENTS["pat-trois"]
LIBRE = Actor(AuthMode.DIRECTE, "899900063480", "LIBRE", "MAX", "499900063480001", "CABINET DR LIBRE", "SA07")
ANGINA = Code("I20.0", "2.16.840.1.113883.6.3", "Angine de poitrine instable")
COUMADINE = Code("63245753", "1.2.250.1.213.2.3.1", "COUMADINE 5mg, comprimé sécable")
TOBACCO = Code("74011-8", LOINC, "Consommation tabagique")
CONTENT: dict[Heading, list[Entry | Item]] = {
    Heading.PROBLEMS: [Problem(ANGINA, "Angor", "20190811")],
    Heading.TREATMENTS: [
        Treatment(COUMADINE, "Coumadine", "2019", dose=Quantity(Decimal("1.5"), "{tablet}"), reason=ANGINA)
    ],
    Heading.LIFESTYLE: [Finding(TOBACCO, "Tabac", Quantity(Decimal(25), "{pack}/a"))],
}

words = st.text("aZ0-_<>&\"';#^éŒµ漢𝄞", min_size=1, max_size=8)
codes = st.builds(Code, words, words, words)
maybe_code = st.none() | codes
days = st.sampled_from(["", "2019", "201908", "20190811", "20190811103000+0200"])
units = st.sampled_from(["", "mg", "{tablet}"])
quantities = st.builds(Quantity, st.decimals(allow_nan=False, allow_infinity=False, places=3), units)
intervals = st.builds(Interval, quantities, quantities, st.booleans(), st.booleans()) | st.builds(Interval, quantities)
doses = quantities | st.builds(lambda low: Interval(low, replace(low, value=low.value + 1)), quantities)
entries = {
    Heading.PROBLEMS: st.builds(Problem, maybe_code, words, days, days, st.booleans(), st.booleans()),
    Heading.MEDICAL_HISTORY: st.builds(Problem, maybe_code, words, days, days, st.booleans(), st.booleans()),
    Heading.SURGICAL_HISTORY: st.builds(Procedure, maybe_code, words, days, days, st.booleans()),
    Heading.ALLERGIES: st.builds(
        Allergy, maybe_code, maybe_code, words, days, days, st.booleans(), maybe_code, st.booleans()
    ),
    Heading.TREATMENTS: st.builds(
        Treatment, maybe_code, words, days, days, st.none() | doses, st.none() | quantities, maybe_code, maybe_code,
        st.booleans(),
    ),
    Heading.LIFESTYLE: st.builds(
        Finding, maybe_code, words, st.none() | quantities | intervals | codes | words, days, days, st.booleans()
    ),
    Heading.FAMILY_HISTORY: st.builds(FamilyProblem, maybe_code, maybe_code, words, st.booleans()),
}  # fmt: skip
contents = st.fixed_dictionaries({}, optional={h: st.lists(e, min_size=1, max_size=3) for h, e in entries.items()})


def built(content: dict[Heading, list[Entry | Item]], **how: object) -> bytes:
    return vsm(PATIENT.ins, PATIENT.traits, LIBRE, content, effective=NOW, **how).to_xml()  # type: ignore[arg-type]


@settings(max_examples=40)
@given(content=contents)
def test_what_is_built_is_read(schemas: Schemas, content: dict[Heading, list[Entry | Item]]) -> None:
    octets = built(content)
    document, report = parse_document(octets)[0], Report()
    assert schemas.check_cda_header(document, report), report.failures
    read = read_vsm(octets)
    for heading in Heading:
        items = read.items(heading)
        assert [item.entry for item in items] == content.get(heading, [])
        assert {(item.origin.document, item.origin.author) for item in items} <= {(read.unique_id, "MAX LIBRE")}
    assert len(read.items()) == sum(map(len, content.values()))


@settings(max_examples=40)
@given(content=contents)
def test_an_integrated_entry_keeps_its_origin(content: dict[Heading, list[Entry | Item]]) -> None:
    first = read_vsm(built(content))
    taken = {heading: first.items(heading) for heading in content}
    actor = replace(LIBRE, person="801234534765", family="CAMPARINI", given="MARCEL")
    second = vsm(PATIENT.ins, PATIENT.traits, actor, taken, effective=NOW + timedelta(days=1))
    again = read_vsm(second.to_xml())
    assert again.author == "MARCEL CAMPARINI"
    assert again.items() == first.items()
    assert all(item.origin.document == first.unique_id for item in again.items())


def test_the_required_sections_are_there_and_words_are_kept() -> None:
    octets = built({}, words={Heading.OCCUPATIONAL_RISKS: ["Amiante"]})
    found = {part.code.code: part.text for part in read_vsm(octets).parts}
    assert found == {"10161-8": "Amiante", "30954-2": "Non renseigné", "18776-5": "Non renseigné"}
    entry = entry_of(octets, "Document01")
    assert is_vsm(entry)
    assert b'<functionCode code="PCP"' in octets


def test_the_program_of_the_guide(pytestconfig: pytest.Config) -> None:
    guide = pytestconfig.rootpath / "docs/how-to/connect-your-software.md"
    [program] = re.findall(r"```python\n(.*?)```", guide.read_text("utf-8"), re.DOTALL)
    allergy = Allergy(None, COUMADINE, "Coumadine")
    octets = built({**CONTENT, Heading.ALLERGIES: [allergy]})
    names = {"octets": octets, "ins": PATIENT.ins, "traits": PATIENT.traits, "actor": LIBRE, "now": NOW}
    exec(compile(program, str(guide), "exec"), names)
    [item] = read_vsm(names["mine"].to_xml()).items()  # type: ignore[attr-defined]
    assert (item.entry, item.origin.document) == (allergy, read_vsm(octets).unique_id)


def test_a_negation_is_said_in_words_too() -> None:
    octets = built({Heading.PROBLEMS: [Problem(ANGINA, "Angor", negated=True)]})
    assert "Absence de : " in read_vsm(octets).parts[0].text


@pytest.mark.parametrize("entry", [Problem(ANGINA, "Angor"), Unread("act", "x")])
def test_each_entry_in_its_section(entry: Entry) -> None:
    with pytest.raises(ValueError, match="TREATMENTS holds no"):
        built({Heading.TREATMENTS: [entry]})


@pytest.mark.parametrize("octets", [b"", b"<a/>", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"])
def test_what_is_no_cda(octets: bytes) -> None:
    with pytest.raises(Refused):
        read_vsm(octets)


def test_the_official_vsm(reference: Path) -> None:
    read = read_vsm((reference / "cda/samples/VSM_1.4_2022.01.xml").read_bytes())
    kinds = Counter(type(item.entry).__name__ for item in read.items())
    assert kinds == {"Problem": 4, "Treatment": 2, "Finding": 2, "Procedure": 1, "Allergy": 1, "FamilyProblem": 1}
    past = read.items(Heading.MEDICAL_HISTORY)[0].entry
    assert isinstance(past, Problem)
    assert (past.code, past.start, past.stop, past.active) == (
        Code("N10", "2.16.840.1.113883.6.3", "Pyélonéphrite aiguë"), "20180422", "20180430", False,
    )  # fmt: skip
    [procedure] = read.items(Heading.SURGICAL_HISTORY)
    assert (procedure.origin.author, procedure.origin.written) == ("Jacques PETITJEAN", "20180114111700+0100")
    treatment = read.items(Heading.TREATMENTS)[1].entry
    assert isinstance(treatment, Treatment)
    assert (treatment.product, treatment.every) == (COUMADINE, Quantity(Decimal(6), "h"))
    assert any(part.code.code == "30954-2" and part.text for part in read.parts)


def test_the_official_ips(reference: Path) -> None:
    read = read_vsm((reference / "cda/samples/IPS-FR_2024.01.xml").read_bytes())
    assert {type(i.entry) for i in read.items(Heading.PROBLEMS, Heading.MEDICAL_HISTORY)} == {Problem}
    assert {type(i.entry) for i in read.items(Heading.TREATMENTS)} == {Treatment}
    unread = [item for item in read.items() if isinstance(item.entry, Unread)]
    assert {item.origin.section.code for item in unread} >= {"11369-6", "46264-8"}
    assert max(len(item.entry.label) for item in unread) < 500


def test_the_official_schema(reference: Path, schemas: Schemas) -> None:
    content = {
        **CONTENT,
        Heading.ALLERGIES: [Allergy(Code("416098002", "2.16.840.1.113883.6.96", "allergie"), COUMADINE, "Coumadine")],
        Heading.SURGICAL_HISTORY: [Procedure(Code("DDAF004", "1.2.250.1.215.300.1", "Dilatation"), "Stent", "2018")],
        Heading.FAMILY_HISTORY: [FamilyProblem(Code("MTH", "2.16.840.1.113883.5.111", "Mère"), ANGINA, "Angor")],
        Heading.MEDICAL_HISTORY: [Problem(ANGINA, "Angor", "2018", "2019", active=False)],
    }
    check = cda_checker("xsd", str(reference / "cda"), schemas)
    first = read_vsm(built(content))
    taken = {heading: first.items(heading) for heading in content}
    for made in (content, taken):
        report = Report()
        assert check(parse_document(built(made))[0], report), report.failures


@pytest.mark.parametrize(
    ("policy", "second_by_himself", "by_another", "replaced_by_another"),
    [("per_author", False, True, False), ("per_record", False, False, True), ("off", True, True, False)],
)
def test_the_policies(
    app: LocalApp, policy: str, *, second_by_himself: bool, by_another: bool, replaced_by_another: bool
) -> None:
    """Deposit, replacement, and reading back what is in force."""
    server = LocalApp(app.store, app.pki, app.now, vsm=policy)
    libre, camparini = (authorised(server, card) for card in ("medecin-libre", "medecin-camparini"))
    first = vsm(PATIENT.ins, PATIENT.traits, libre.actor, CONTENT, effective=NOW)
    assert submit(libre, Deposit(first))
    found = read_vsm(retrieved(camparini, first.unique_id))
    assert {h: [i.entry for i in found.items(h)] for h in CONTENT} == CONTENT
    assert {item.origin.document for item in found.items()} == {first.unique_id}

    def again(session: LpsSession, **version: str | int) -> bytes:
        taken = {heading: found.items(heading) for heading in CONTENT}
        made = vsm(PATIENT.ins, PATIENT.traits, session.actor, taken, effective=NOW, **version)
        return made.to_xml()

    assert submit(libre, Deposit(again(libre))) is second_by_himself
    assert submit(camparini, Deposit(again(camparini))) is by_another
    [uuid] = [d.entry_uuid for d in libre.get_documents(PATIENT.ins, unique_ids=[first.unique_id]).documents]
    newer = again(camparini, set_id=first.set_id, version=2, replaces=first.unique_id)
    assert submit(camparini, Deposit(newer, replaces=uuid)) is replaced_by_another
    with server.store.read() as work:
        [former] = work.documents.by_unique_id([first.unique_id])
    assert (former.status is Status.DEPRECATED) is replaced_by_another
    if replaced_by_another:
        current = read_vsm(retrieved(libre, read_vsm(newer).unique_id))
        assert {item.origin.author for item in current.items()} == {"MAX LIBRE"}


def authorised(app: LocalApp, card: str) -> LpsSession:
    session = app.session(card)
    assert session.add_authorisation(PATIENT.ins).ok
    return session


def submit(session: LpsSession, deposit: Deposit) -> bool:
    """False when the policy, or its rule on authors, refuses it."""
    answer = session.submit(PATIENT.ins, [deposit])
    assert all("VSM-ONE" in p.text or "LOT-AUTHOR" in p.text for p in answer.problems), answer.problems
    return answer.ok


def retrieved(session: LpsSession, unique_id: str) -> bytes:
    answer = session.retrieve(PATIENT.ins, [unique_id])
    assert answer.ok, answer.problems
    return answer.documents[0].octets.read()
