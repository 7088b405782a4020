"""Every parameter of every stored query, given what it should not be: the answer is a list or a named refusal."""

from collections.abc import Iterator
from xml.sax.saxutils import escape

import pytest
from lxml import etree
from xds_world import Record, World, entries_of, errors_of, fill, fill_record

from dmpws.codec.ebxml.query_forms import FORMS, Form, Kind, Parameter
from dmpws.domain.document import Status
from dmpws.resources import folder
from dmpws.xml.parser import parse

QUERY = (folder("transactions") / "TD3.1" / "query.xml").read_text("utf-8")
HOSTILE = [
    "' OR ''='", "'; DROP TABLE document_entry; --", "\\", "%", "%_%' ESCAPE '", "$1", ":patient", "{0}", "%s",
    "^^", "urn:uuid:" + "f" * 5000, "\N{FAMILY}" * 90, "99999999999999", "((((", "'", '"',
]  # fmt: skip
CODES = {
    "XDSRegistryError", "XDSStoredQueryMissingParam", "XDSStoredQueryParamNumber", "XDSPatientIdDoesNotMatch",
}  # fmt: skip
GOOD = {
    Kind.STATUS: f"('{Status.APPROVED}')",
    Kind.CODE: "('1^^1')",
    Kind.TIME: "2026",
    Kind.LEVEL: "1",
}


@pytest.fixture(scope="module")
def record(shared_record: World) -> Record:
    return fill_record(shared_record)


def each_parameter() -> Iterator[tuple[str, Form, Parameter]]:
    for identifier, form in FORMS.items():
        for parameter in form.parameters.values():
            yield identifier, form, parameter


def ask(record: Record, identifier: str, parameters: dict[str, list[str]]) -> etree._Element:
    slots = "".join(
        f'<rim:Slot name="{name}"><rim:ValueList>'
        + "".join(f"<rim:Value>{escape(value)}</rim:Value>" for value in values)
        + "</rim:ValueList></rim:Slot>"
        for name, values in parameters.items()
    )
    text = fill(QUERY, {"query": identifier}).replace("</rim:AdhocQuery>", f"{slots}</rim:AdhocQuery>")
    return record.world.search(parse(text.encode()))


def required(form: Form, asked: Parameter) -> dict[str, list[str]]:
    """A good value for each parameter that must be there, but the one asked about."""
    names = [name for name in form.required if name != asked.name]
    if form.one_of and asked.name not in form.one_of:
        names.append(form.one_of[0])
    return {name: [GOOD.get(form.parameters[name].kind, "('x')")] for name in names}


@pytest.mark.parametrize(
    ("identifier", "form", "parameter"), list(each_parameter()), ids=lambda value: getattr(value, "name", "")
)
def test_a_hostile_value_is_only_a_value(record: Record, identifier: str, form: Form, parameter: Parameter) -> None:
    for value in HOSTILE:
        quoted = "'" + value.replace("'", "''") + "'"
        for text in (value, quoted, f"({quoted})"):
            body = ask(record, identifier, {parameter.name: [text], **required(form, parameter)})
            assert {code for code, _ in errors_of(body)} <= CODES
            assert all(len(context) < 1000 for _, context in errors_of(body))


@pytest.mark.parametrize(
    ("identifier", "form", "parameter"), list(each_parameter()), ids=lambda value: getattr(value, "name", "")
)
def test_how_often_a_parameter_comes(record: Record, identifier: str, form: Form, parameter: Parameter) -> None:
    """One Slot too many, one value too many: XDSStoredQueryParamNumber, where the table does not allow it."""
    value = GOOD.get(parameter.kind, "'x'")
    body = ask(record, identifier, {parameter.name: [value, value.replace("1", "2")], **required(form, parameter)})
    number = [context for code, context in errors_of(body) if code == "XDSStoredQueryParamNumber"]
    assert bool(number) is not parameter.many


@pytest.mark.parametrize("name", ["GetDocuments", "GetAssociations", "GetSubmissionSets", "GetFolders"])
def test_ten_thousand_identifiers(record: Record, name: str) -> None:
    identifier, form = next((key, form) for key, form in FORMS.items() if form.name == name)
    parameter = (form.one_of or form.required)[0]
    many = [f"('urn:uuid:{n:08x}-0000-4000-8000-000000000000')" for n in range(10_000)]
    many.append(f"('{record.values['consultation_uuid']}')")
    body = ask(record, identifier, {parameter: many})
    assert errors_of(body) == []
    assert int(body.get("totalResultCount", "")) == {
        "GetDocuments": 1, "GetAssociations": 2, "GetSubmissionSets": 2, "GetFolders": 0,
    }[name]  # fmt: skip


def test_many_patterns_are_refused(record: Record) -> None:
    """Each is tried on each value: a hundred do, ten thousand would keep a core busy."""
    identifier, form = next((key, form) for key, form in FORMS.items() if form.name == "FindDocuments")
    name = "$XDSDocumentEntryAuthorPerson"
    parameter = form.parameters[name]
    for number, codes in ((100, []), (101, ["XDSRegistryError"])):
        patterns = [f"('%{'a%' * 100}{n}')" for n in range(number)]
        body = ask(record, identifier, {name: patterns, **required(form, parameter)})
        assert [code for code, _ in errors_of(body)] == codes
    assert "attendu : au plus 100 motifs ; trouvé : 101 motifs" in errors_of(body)[0][1]


def test_ten_thousand_codes(record: Record) -> None:
    """A list as long as it likes is one condition, and all of its values count."""
    identifier = next(key for key, form in FORMS.items() if form.name == "FindDocuments")
    status = {"$XDSDocumentEntryStatus": [GOOD[Kind.STATUS]]}
    many = [f"('{n}^^1.2.3','{n}''^^1.2.3')" for n in range(5000)]
    for more, found in (([], 0), (["('11490-0^^2.16.840.1.113883.6.1')"], 1)):
        body = ask(record, identifier, {"$XDSDocumentEntryTypeCode": [*many, *more], **status})
        assert errors_of(body) == []
        assert len(entries_of(body)) == found
