"""The document-type rights: the public cells, what is unlisted, one's own table and what is wrong with it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmpws.app import type_rights
from dmpws.cli import main
from dmpws.codec.tables import MOST_PROBLEMS, TableError
from dmpws.codec.type_rights import public_type_rights, read_type_rights
from dmpws.config import ConfigError, load
from dmpws.domain import oids
from dmpws.domain.code import Code
from dmpws.domain.type_rights import TypeRights

STRICT, OPEN = public_type_rights(unlisted=False), public_type_rights(unlisted=True)
UNLISTED = "18842-5"
HEADER = "profession\ttypeCode\tread\n"


def g15(code: str, *others: Code) -> tuple[Code, ...]:
    return (Code(code, oids.PROFESSIONS), *others)


# The columns and rows that were published (matrix 2.3.0 of 07/10/2020).
COLUMNS = [
    *("10", "21", "40", "50", "60", "69", "70", "80", "91", "92", "94", "95", "96"),
    *("26", "81", "82", "83", "84", "85", "28", "98"),
]
PUBLIC = {
    "15508-5": {"10", "21", "50", "60", "69", "70"},
    "70004-7": set(COLUMNS) - {"26", "81", "82", "83", "84", "85", "28"},
    "75492-9": set(COLUMNS) - {"26", "81", "82", "83", "84", "85", "28"},
    "11505-5": set(COLUMNS) - {"26", "81", "82", "83", "84", "85", "28", "98"},
    "75482-0": set(COLUMNS) - {"26", "81", "82", "83", "84", "85", "28", "98"},
    "67851-6": set(COLUMNS) - {"26", "81", "82", "83", "84", "85", "28", "80"},
}


@pytest.mark.parametrize("rights", [STRICT, OPEN], ids=["strict", "open"])
@pytest.mark.parametrize("type_code", PUBLIC)
def test_the_public_cells(type_code: str, rights: TypeRights) -> None:
    assert {code for code in COLUMNS if rights.allow(g15(code), type_code)} == PUBLIC[type_code]


def test_the_shipped_table_holds_nothing_else() -> None:
    nurses = {("60", code) for code in ("75496-0", "68599-0", "83901-9")}
    assert STRICT.cells.keys() == {(column, code) for column in COLUMNS for code in PUBLIC} | nurses
    assert not any(STRICT.cells[cell] for cell in nurses)


@pytest.mark.parametrize("code", [c for c in COLUMNS if c != "10"])
def test_unlisted_pairs(code: str) -> None:
    assert not STRICT.allow(g15(code), UNLISTED)
    assert OPEN.allow(g15(code), UNLISTED)


def test_doctors_read_what_is_not_listed() -> None:
    assert STRICT.allow(g15("10", Code("SM26", oids.SKILLS)), UNLISTED)
    in_training = (Code("10", oids.TRAINEE_PROFESSIONS), Code("SM26", oids.SKILLS))
    assert not STRICT.allow(in_training, UNLISTED)
    assert STRICT.allow(in_training, "15508-5")
    assert not STRICT.allow((Code("10", "1.2.250.1.213.1.6.1.4"),), "15508-5")


def table(text: str, *, unlisted: bool = False) -> TypeRights:
    return read_type_rights((HEADER + text).encode(), "m.tsv", unlisted=unlisted)


def test_the_more_precise_line_comes_first() -> None:
    own = table("21\t*\tyes\n21\tA-1\tno\n21/G\tA-1\tyes\n21/B,21/C\t*\tno\n10\tATTEST-RESID\tno\n")
    section = {letter: Code(letter, oids.PHARMACIST_SECTIONS) for letter in "ABG"}
    assert own.allow(g15("21"), "A-2")
    assert not own.allow(g15("21", section["A"]), "A-1")
    assert own.allow(g15("21", section["G"]), "A-1")
    assert not own.allow(g15("21", section["B"]), "A-2")
    assert not own.allow(g15("10"), "ATTEST-RESID")
    assert own.allow(g15("10"), "A-2")
    assert not own.allow(g15("60"), "A-2")


@given(
    st.dictionaries(
        st.tuples(st.sampled_from(["10", "21", "21/G", "60"]), st.sampled_from(["A", "B", "*"])), st.booleans()
    ),
    st.booleans(),
    st.sampled_from(["10", "21", "60", "70"]),
    st.booleans(),
)
def test_what_roles_read_in_short(
    cells: dict[tuple[str, str], bool], unlisted: bool, profession: str, section: bool
) -> None:
    """Usual answer and exceptions say of every type what `allow` says."""
    rights, roles = (
        TypeRights(cells, unlisted),
        g15(profession, *([Code("G", oids.PHARMACIST_SECTIONS)] if section else [])),
    )
    usual, others = rights.of_roles(roles)
    for type_code in ("A", "B", "C"):
        assert rights.allow(roles, type_code) is (usual is not (type_code in others))


def test_roles_of_other_tables() -> None:
    social = (Code("340", "1.2.250.1.213.1.6.1.4"),)
    own = table("340^1.2.250.1.213.1.6.1.4\tA-1\tyes\n340\tA-2\tyes\n")
    assert own.allow(social, "A-1")
    assert not own.allow(social, "A-2")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "m.tsv:1: the columns are profession, typeCode, read and perhaps source, not ''"),
        ("profession\tread\n", "m.tsv:1: the columns are profession, typeCode, read"),
        (f"{HEADER}60\tA-1\n", "m.tsv:2: 3 cells expected, 2 found"),
        (f"{HEADER}60\tA-1\toui\n", "m.tsv:2: column 3 (read): 'oui' is not yes or no"),
        (f"{HEADER}60\tA-1\tyes,no\n", "m.tsv:2: column 3 (read): 'yes,no' is not yes or no"),
        (f"{HEADER}60;69\tA-1\tyes\n", "m.tsv:2: column 1 (profession): '60;69' is not a profession as 60"),
        (f"{HEADER}60,\tA-1\tyes\n", "m.tsv:2: column 1 (profession): '' is not a profession"),
        (f"{HEADER}60\tA 1\tyes\n", "m.tsv:2: column 2 (typeCode): 'A 1' is not a typeCode, or *"),
        (f"{HEADER}60\tA-1\tyes\n# x\n50,60\tA-1\tno\n", "m.tsv:4: 60 and A-1: a line before says the contrary"),
    ],
)
def test_what_is_wrong_in_a_table(text: str, problem: str) -> None:
    with pytest.raises(TableError) as error:
        read_type_rights(text.encode(), "m.tsv", unlisted=False)
    assert [problem in str(p) for p in error.value.problems] == [True]


def test_problems_are_bounded() -> None:
    with pytest.raises(TableError) as error:
        table("?\t?\t?\n" * 500)
    assert MOST_PROBLEMS <= len(error.value.problems) <= MOST_PROBLEMS + 4


@given(octets=st.binary(max_size=300))
def test_any_octets_are_read_or_refused(octets: bytes) -> None:
    try:
        read_type_rights(HEADER.encode() + octets, "m.tsv", unlisted=True)
    except TableError as error:
        assert error.problems


@pytest.mark.parametrize(
    ("profile", "unlisted"), [("local", True), ("test", True), ("production", False), ("ihe", True)]
)
def test_the_default_of_each_profile(profile: str, unlisted: bool) -> None:
    assert type_rights(load({"profile": profile}, environment={})).unlisted is unlisted


def test_ones_own_table(tmp_path: Path) -> None:
    file = tmp_path / "matrice.tsv"
    file.write_text(f"{HEADER}60\tA-1\tyes\n")
    own = type_rights(load({"matrix_file": str(file), "matrix": "strict"}, environment={}))
    assert own.cells == {("60", "A-1"): True}
    assert not own.allow(g15("60"), "15508-5")


def test_a_server_does_not_start_with_a_bad_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "dmpws.toml"
    bad = tmp_path / "matrice.tsv"
    bad.write_text(f"{HEADER}60\tA-1\tperhaps\n")
    for name, sentence in ((bad, "matrice.tsv:2: column 3 (read): 'perhaps'"), (tmp_path / "no.tsv", "No such file")):
        file.write_text(f'matrix_file = "{name}"\n')
        assert main(["--config", str(file), "--data", str(tmp_path), "serve", "--port", "0", "--ops-port", "0"]) == 2
        assert f"dmpws: matrix_file: {name.parent / 'no.tsv' if name.name == 'no.tsv' else sentence}" in (
            said := capsys.readouterr().err
        )
        assert sentence in said
    with pytest.raises(ConfigError):
        type_rights(load(file=file, environment={}))
