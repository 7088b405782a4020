"""Our schemas: what they accept, what they refuse and how they say it; two validators, and many threads."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from contract_messages import BAD, GOOD, PARTS, deposit, entry, habilitations, slot, submission
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from dmpws.domain.checks import Outcome, Report
from dmpws.resources import folder
from dmpws.soap.contracts import Contracts
from dmpws.soap.schema_messages import problem_of
from dmpws.soap.second_opinion import SecondOpinion
from dmpws.soap.validation import BODIES, SchemaLimits, Schemas
from dmpws.soap.validation import PARTS as OTHER_PARTS
from dmpws.xml.parser import parse

ALL = {**GOOD, **PARTS}


def check(schemas: Schemas, kind: str, element: etree._Element) -> Report:
    """Validate as a body, or as the part that `kind` names."""
    checks: dict[str, Callable[[etree._Element, Report], bool]] = {
        "header": schemas.check_header,
        "VIHF": schemas.check_vihf,
        "lot signature": schemas.check_lot_signature,
        "CDA": schemas.check_cda_header,
    }
    report = Report()
    verdict = checks.get(kind, schemas.check)(element, report)
    assert verdict is report.ok
    return report


def spoiled(name: str) -> tuple[str, etree._Element]:
    bad = BAD[name]
    good = ALL[bad.message]
    assert bad.old in good, name
    return bad.message, parse(good.replace(bad.old, bad.new).encode())


@pytest.mark.parametrize("kind", ALL)
def test_a_good_message_is_accepted_by_both_validators(kind: str, schemas: Schemas, second: SecondOpinion) -> None:
    element = parse(ALL[kind].encode())
    report = check(schemas, kind, element)
    assert [c.message for c in report.failures] == []
    assert [c.outcome for c in report] == [Outcome.PASSED]
    again = Report()
    assert second.check(element, again), [c.message for c in again.failures]


@pytest.mark.parametrize("name", BAD)
def test_a_bad_message_is_refused_by_both_validators(name: str, schemas: Schemas, second: SecondOpinion) -> None:
    kind, element = spoiled(name)
    failure = check(schemas, kind, element).failures[0]
    path, line, _ = failure.where.partition(" (ligne ")
    assert path.endswith(BAD[name].where)
    assert line
    assert BAD[name].said in failure.message
    assert "{urn:" not in failure.message
    assert "{http:" not in failure.message
    assert failure.rule.id.startswith("SCHEMA-")
    assert failure.rule.code == (
        "XDSRegistryMetadataError" if failure.rule.id == "SCHEMA-ITI41" else "DMPInvalidRequest"
    )
    assert not second.check(element, Report())


def test_every_body_of_the_contracts_has_a_schema_and_an_example() -> None:
    declared = {
        body
        for contracts in (Contracts.load(), Contracts.load(services="ihe"))
        for service in contracts.services
        for operation in contracts.contract(service).operations
        for body in (operation.body, operation.response_body)
    }
    wrapped = {f"{{urn:hl7-org:v3}}PRPA_IN201{n}UV02" for n in (312, 313, 315, 316)}
    assert set(BODIES) == declared | wrapped
    shown = {element.tag for message in GOOD.values() for element in parse(message.encode()).iter()}
    assert set(BODIES) <= shown
    assert set(OTHER_PARTS) - {"{http://schemas.xmlsoap.org/soap/envelope/}Header"} <= {
        parse(part.encode()).tag for part in PARTS.values()
    }


def test_each_schema_compiles_on_its_own() -> None:
    compiled = [etree.XMLSchema(file=str(path)) for path in folder("schemas").rglob("*.xsd")]
    assert compiled


def test_a_body_is_judged_inside_its_envelope_and_left_as_it_was(schemas: Schemas) -> None:
    envelope = parse(
        f"""<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Header/>
<s:Body>
{GOOD["TD2.1"]}</s:Body></s:Envelope>""".encode()
    )
    before = etree.tostring(envelope)
    assert schemas.check(envelope[1][0], Report())
    assert etree.tostring(envelope) == before
    envelope[1][0][1].attrib.clear()
    report = Report()
    assert not schemas.check(envelope[1][0], report)
    assert report.failures[0].where.startswith("/Envelope/Body/ProvideAndRegisterDocumentSetRequest/Document (ligne ")


def test_an_unknown_body_is_refused(schemas: Schemas, second: SecondOpinion) -> None:
    body = parse(habilitations("getAuthorization").encode())
    report = Report()
    assert not schemas.check(body, report)
    assert report.failures[0].rule.id == "SCHEMA-UNKNOWN"
    assert "getAuthorization" in report.failures[0].message
    assert not second.check(body, Report())


@pytest.mark.parametrize("kind", ["header", "VIHF", "lot signature", "CDA"])
def test_a_part_is_not_taken_for_another(kind: str, schemas: Schemas) -> None:
    assert not check(schemas, kind, parse(GOOD["TD0.3"].encode())).ok


def test_a_soap_1_1_header_is_known_too(schemas: Schemas) -> None:
    header = PARTS["header"].replace(
        "http://www.w3.org/2003/05/soap-envelope", "http://schemas.xmlsoap.org/soap/envelope/"
    )
    assert check(schemas, "header", parse(header.encode())).ok


def test_not_more_than_so_many_errors(schemas: Schemas) -> None:
    wrong = "".join(entry(n).replace('mimeType="text/xml"', 'mime="text/xml"') for n in range(1, 60))
    report = Report()
    assert not schemas.check(parse(submission(wrong).encode()), report)
    assert len(report.failures) == SchemaLimits().errors
    assert "/RegistryObjectList/ExtrinsicObject[12]/@mime (ligne " in report.failures[11].where


def test_values_are_shown_cut(schemas: Schemas) -> None:
    report = Report()
    schemas.check(parse(habilitations("setAuthorization", f"<action>{'A' * 5000}</action>").encode()), report)
    assert len(report.failures[0].found) == 200


def crowd() -> Iterator[tuple[str, str]]:
    yield "siblings", submission(entry(1).replace("<Slot", "<Slot/>" * 5001 + "<Slot", 1))
    one = entry(1).replace("<Slot", "<Slot/>" * 4000 + "<Slot", 1)
    yield "elements", submission(*[one] * 26)


@pytest.mark.parametrize("message", [pytest.param(m, id=i) for i, m in crowd()])
def test_a_message_of_countless_wrong_elements_costs_little(message: str, schemas: Schemas) -> None:
    report = Report()
    assert not schemas.check(parse(message.encode()), report)
    assert [c.rule.id for c in report.failures] == ["SCHEMA-SIZE"]


def test_an_ordinary_large_message_passes(schemas: Schemas) -> None:
    documents = [f'<xds:Document id="d{n}">AA==</xds:Document>' for n in range(64)]
    assert schemas.check(parse(deposit(*documents).encode()), Report())
    assert schemas.check(parse(submission(*[entry(n) for n in range(400)]).encode()), Report())
    values = slot("x", *["v"] * 4999)
    assert schemas.check(parse(submission(entry(1).replace("<Name>", values + "<Name>", 1)).encode()), Report())


def test_each_thread_gets_its_own_error(schemas: Schemas) -> None:
    """lxml keeps the error log on the schema; without a lock most threads read another's."""
    barrier = threading.Barrier(8)

    def work(number: int) -> list[str]:
        barrier.wait()
        found = []
        for turn in range(40):
            mark = f"MARK-{number}-{turn}"
            report = Report()
            schemas.check(parse(habilitations("setAuthorization", f"<action>{mark}</action>").encode()), report)
            found += [c.found for c in report.failures if c.found != mark] or []
            assert report.failures
        return found

    with ThreadPoolExecutor(8) as pool:
        assert [wrong for result in pool.map(work, range(8)) for wrong in result] == []


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(sorted(ALL)),
    place=st.integers(1, 10_000),
    change=st.sampled_from(["remove", "repeat", "unname", "rename"]),
)
def test_both_validators_give_the_same_verdict_on_spoiled_messages(
    kind: str, place: int, change: str, schemas: Schemas, second: SecondOpinion
) -> None:
    root = parse(ALL[kind].encode())
    elements = [e for e in root.iter(etree.Element) if e is not root] or [root]
    element = elements[place % len(elements)]
    parent = element.getparent()
    if change == "remove" and parent is not None:
        parent.remove(element)
    elif change == "repeat" and parent is not None:
        element.addnext(parse(etree.tostring(element, with_tail=False)))
    elif change == "unname" and element.attrib:
        del element.attrib[sorted(element.attrib)[0]]
    elif change == "rename" and parent is not None:
        element.tag = f"{{{etree.QName(element).namespace or ''}}}renamed".replace("{}", "")
    assert check(schemas, kind, root).ok is second.check(root, Report())


def test_a_problem_shows_what_was_expected_and_what_was_found() -> None:
    element = etree.fromstring("<a><b/></a>")

    def values(message: str) -> tuple[str, str]:
        problem = problem_of(f"Element 'b'{message}", 1, "/a/b", element)
        return problem.expected, problem.found

    too_long = (
        ", attribute 'c': [facet 'maxLength'] The value 'ab' has a length of '2'; this exceeds the allowed maximum"
    )
    assert values(f"{too_long} length of '1'.") == ("1", "2")
    assert values(", attribute 'c': The attribute 'c' is not allowed.") == ("rien", "c")
    assert values(": The attribute 'c' is required but missing.") == ("c", "rien")
    assert values(": This element is not expected.") == ("rien", "b")


def test_what_libxml2_says_otherwise_is_passed_on() -> None:
    element = parse(b"<a xmlns='urn:x'><!-- c --><b/><b/></a>")
    problem = problem_of("Element '{urn:x}b': Something {urn:x}new.", 7, "/*/*[2]", element)
    assert (problem.text, problem.where) == ("Something new.", "/a/b[2] (ligne 7)")
    assert problem_of("Odd.", 0, "/*/*[9]", element).where == "/a"


def test_an_official_folder_that_is_not_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="official package"):
        Schemas.load(tmp_path)
