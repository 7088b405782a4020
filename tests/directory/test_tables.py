"""The tables of the directory: what is written is read back, what is wrong is said with its place."""

from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dmpws import cast
from dmpws.codec.directory import LONGEST_VALUE, read_cells, read_table, write_table
from dmpws.codec.directory_kinds import CARD, KINDS, PROFESSIONAL, SOFTWARE, STRUCTURE, Kind
from dmpws.codec.tables import MOST_PROBLEMS, TableError
from dmpws.domain.directory import Card, Professional, Structure
from dmpws.domain.software import EVERYTHING, ApprovalStatus, Category, Scope, Software

identifiers = st.from_regex(r"[0-9A-Za-z][0-9A-Za-z.-]{0,9}", fullmatch=True)
names = st.text(st.sampled_from("AZaz09.'-/;,=\"Éœß漢🏥"), min_size=1, max_size=12)
sectors = st.frozensets(st.sampled_from(["SA01", "SA07", "SA123"]))
scopes = st.just(EVERYTHING) | st.frozensets(
    st.sampled_from([*EVERYTHING, *(Scope(s.profile, s.mode, "TD0.2") for s in EVERYTHING)]), max_size=4
)
days = st.none() | st.dates()
ENTRIES: dict[str, st.SearchStrategy[object]] = {
    STRUCTURE.word: st.builds(
        Structure, identifiers, names, sectors, st.booleans(), st.just("") | identifiers, st.booleans()
    ),
    PROFESSIONAL.word: st.builds(
        Professional, identifiers, names, st.just("") | names, st.frozensets(identifiers, max_size=3), st.booleans()
    ),
    CARD.word: st.builds(Card, st.from_regex("[0-9a-f]{1,40}", fullmatch=True), identifiers, names, st.booleans()),
    SOFTWARE.word: st.builds(
        Software,
        identifiers,
        names,
        names,
        st.none() | st.sampled_from(Category),
        st.sampled_from(ApprovalStatus),
        days,
        days,
        scopes,
    ),
}


few = settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("word", KINDS)
@few
@given(data=st.data())
def test_what_is_written_is_read_back(word: str, data: st.DataObject) -> None:
    kind = KINDS[word]
    values = data.draw(st.lists(ENTRIES[word], unique_by=kind.key_of, max_size=3))
    table = write_table(kind, values)
    entries = read_table(table.encode(), kind.file)
    assert [type(value)(**entry.values) for value, entry in zip(values, entries, strict=True)] == values


@few
@given(octets=st.binary(max_size=400) | st.text(max_size=400).map(str.encode))
@pytest.mark.parametrize("header", ["", *(f"{word}\tname\tactive\n" for word in KINDS)])
def test_any_octets_are_read_or_refused(header: str, octets: bytes) -> None:
    try:
        entries = read_table(header.encode() + octets, "any.tsv")
    except TableError as error:
        assert error.problems
    else:
        assert all(entry.key for entry in entries)


def problems_of(text: str | bytes) -> list[str]:
    with pytest.raises(TableError) as error:
        read_table(text.encode() if isinstance(text, str) else text, "f.tsv")
    return [str(problem) for problem in error.value.problems]


HEADER = "structure\tname\tsectors\tparent\tregulation\tactive\n"
SOFTWARE_HEADER = "software\tname\tcategory\tapproved_for\tvalid_until\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "f.tsv:1: column 1: the first column is structure or professional or card or software, not ''"),
        ("finess\tname\n", "f.tsv:1: column 1: the first column is structure"),
        ("# note\n\nstructure\tname\tcolour\n", "f.tsv:3: column 3: 'colour' is unknown; there are structure, name"),
        ("structure\tname\tname\n", "f.tsv:1: column 3: 'name' is there twice"),
        (f"{HEADER}1\tA\n", "f.tsv:2: 6 cells expected, 2 found"),
        (f"{HEADER}1 2\tA\t\t\tno\tyes\n", "f.tsv:2: column 1 (structure): '1 2' is not a Struct_IdNat"),
        (f"{HEADER}1\t\t\t\tno\tyes\n", "f.tsv:2: column 2 (name): is empty"),
        (f"{HEADER}1\tA\u202eB\t\t\tno\tyes\n", "f.tsv:2: column 2 (name): 'A\\u202eB' has characters that do not"),
        (f"{HEADER}1\tA\tSA07,SA1\t\tno\tyes\n", "f.tsv:2: column 3 (sectors): 'SA1' is not a sector as SA07"),
        (f"{HEADER}1\tA\tSA07,\t\tno\tyes\n", "f.tsv:2: column 3 (sectors): '' is not a sector as SA07"),
        (f"{HEADER}1\tA\t\t\tno\toui\n", "f.tsv:2: column 6 (active): 'oui' is neither yes nor no"),
        (f"{HEADER}1\tA\t\t\tno\tyes\n\n1\tB\t\t\tno\tyes\n", "f.tsv:4: column 1 (structure): 1 is already on line 2"),
        (f"{HEADER}1\t{'A' * (LONGEST_VALUE + 1)}\t\t\tno\tyes\n", "f.tsv:2: column 2 (name): 4001 characters"),
        ("card\tholder\nAB01\t1\n", "column 1 (card): 'AB01' is not a serial number in lower-case hexadecimal"),
        (f"{SOFTWARE_HEADER}N\tA\tHIS\tall\t\n", "column 3 (category): 'HIS' is not one of EAI, FAH, GAM, LDRM"),
        (f"{SOFTWARE_HEADER}N\tA\tLGC\tlecture:DIRECTE\t\n", "column 4 (approved_for): 'lecture' is not one of"),
        (f"{SOFTWARE_HEADER}N\tA\tLGC\talimentation\t\n", "'alimentation' is not PROFILE:MODE"),
        (f"{SOFTWARE_HEADER}N\tA\tLGC\tall\t21/11/2026\n", "column 5 (valid_until): '21/11/2026' is not a date"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, expected: str) -> None:
    (problem,) = problems_of(text)
    assert expected in problem


def test_every_problem_is_said_up_to_a_bound() -> None:
    rows = "".join(f"{n} {n}\tA\t\t\tno\tmaybe\n" for n in range(1000))
    problems = problems_of(HEADER + rows)
    assert problems[:2] == [
        "f.tsv:2: column 1 (structure): '0 0' is not a Struct_IdNat",
        "f.tsv:2: column 6 (active): 'maybe' is neither yes nor no",
    ]
    assert len(problems) == MOST_PROBLEMS + 1
    assert problems[-1] == "f.tsv:52: and perhaps more: reading stopped here"


def test_octets_that_are_not_utf_8_are_found_by_line() -> None:
    assert problems_of(HEADER.encode() + b"1\tA\t\t\tno\tyes\n2\t\xe9\t\t\tno\tyes\n") == ["f.tsv:3: not UTF-8"]


def test_what_spreadsheets_write_is_read() -> None:
    table = "\ufeffstructure\tname\r\n1\tÉtablissement \r\n"
    assert [(e.key, e.values["name"], e.line) for e in read_table(table.encode(), "f")] == [("1", "Établissement", 2)]


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_columns_may_be_left_out(kind: Kind) -> None:
    key = {"card": "0a"}.get(kind.word, "1")
    (entry,) = read_table(f"{kind.word}\n{key}\n".encode(), "f")
    assert dict(entry.values) == {kind.key.field: key}


def test_cells_of_a_command_line() -> None:
    entry = read_cells(SOFTWARE, "N1", {"valid_until": "2027-12-31", "approved_for": "consultation:DIRECTE:TD3.2"})
    assert entry.values["valid_until"] == date(2027, 12, 31)
    assert {str(scope) for scope in entry.values["scopes"]} == {"consultation (TD3.2) en DIRECTE"}
    with pytest.raises(TableError) as error:
        read_cells(STRUCTURE, "a b", {"colour": "red", "active": "1"})
    assert len(error.value.problems) == 3
    assert "colour: unknown; the columns are structure, name" in str(error.value)


def test_the_cast_is_a_table() -> None:
    assert write_table(SOFTWARE, [cast.SOFTWARE]).splitlines()[1] == (
        "DMPWS-KIT-tmp1\tdmpws kit\tdmpws\tLGC\tall\tapproved\t\t"
    )
