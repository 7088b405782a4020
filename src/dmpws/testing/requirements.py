"""What is asked → the code that does it → the tests that try it → the cases that play it: a page of the documentation.

Requirements are those of `conformance/requirements.tsv`; the clauses of IHE are those the code names. Code is a file
that names the identifier; a test is a file of tests, or of examples that the tests execute, that names it or one of
the rules that carry it.
"""

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import dmpws
from dmpws.conformance.cases import Conformance
from dmpws.resources import folder

SOURCE = Path(dmpws.__file__).parent
REPOSITORY = SOURCE.parents[1]
IDENTIFIER = re.compile(r"\b(?:EX|REC)_[A-Z0-9]+(?:\.[0-9X]+)?-\d+\b")
CLAUSE = re.compile(r"ITI TF-[123] (?:[A-Z]\.)?\d+(?:\.\d+)*")
_RULE = re.compile(r"\b[A-Z][A-Z0-9]*(?:-[A-Z0-9]+)+\b(?!-)")
_TEXT = {".py", ".toml", ".tsv"}
_TRIED = tuple(REPOSITORY / name for name in ("tests", "transactions", "vihf"))


@dataclass(frozen=True, slots=True)
class Requirement:
    """One row of the list: its identifier, whom it binds (`server` or `lps`) and what it asks."""

    name: str
    binds: str
    public: bool
    about: str
    text: str


@dataclass(frozen=True, slots=True)
class Proof:
    """Where one identifier or clause is met: files of code, files of tests, conformance cases."""

    code: tuple[str, ...]
    tests: tuple[str, ...]
    cases: tuple[str, ...]

    @property
    def gap(self) -> str:
        """What a requirement of the server lacks: "code", "test", or "" when it has both; a case counts as a test."""
        if not self.code:
            return "code"
        return "" if self.tests or self.cases else "test"


def requirements() -> tuple[Requirement, ...]:
    """The list, in its order."""
    lines = (folder("conformance") / "requirements.tsv").read_text("utf-8").splitlines()
    rows = (line.split("\t") for line in lines if line and not line.startswith("#"))
    return tuple(Requirement(name, binds, text == "plan", about, says) for name, binds, text, about, says in rows)


@cache
def rules() -> tuple[tuple[str, ...], ...]:
    """The literal arguments of every Rule(...) of the source: identifier, sentence, reference, code."""
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        constants = {
            target.id: node.value.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Rule":
                values = [
                    constants.get(a.id) if isinstance(a, ast.Name) else getattr(a, "value", None) for a in node.args
                ]
                found.append(tuple(str(v) for v in values))
    return tuple(found)


def clauses() -> tuple[str, ...]:
    """Every clause of IHE ITI that the code names, sorted by volume and number."""
    found = {name for names in _named((SOURCE,)).values() for name in names if CLAUSE.fullmatch(name)}
    return tuple(sorted(found, key=lambda clause: [(not p.isdigit(), p.zfill(4)) for p in re.split(r"[ .-]", clause)]))


def proof(name: str) -> Proof:
    """Where `name`, the identifier of a requirement or a clause of IHE, is met."""
    wanted = {name} | {rule[0] for rule in rules() if len(rule) == 4 and name in _names(rule[2])}
    return Proof(
        code=tuple(path for path, found in _named((SOURCE,)).items() if name in found),
        tests=tuple(path for path, found in _named(_TRIED).items() if wanted & found),
        cases=tuple(case for case, found in _cases().items() if name in found),
    )


def lines() -> list[str]:
    """The page, from its first paragraph on."""
    proofs = {r: proof(r.name) for r in requirements()}
    server = {r: found for r, found in proofs.items() if r.binds == "server"}
    others = {r: found for r, found in proofs.items() if r.binds != "server"}
    return [
        "From what is asked to the code that does it, the tests that try it and the conformance cases that play it.",
        "A requirement binds the server, or the software that calls it (its screens, its clock, its manual): a server",
        "cannot see the latter, the cases that ask for them are ticked by a person. The words are ours; the guide's",
        "own text is quoted by the national test plan, or not public where the table says so.",
        "",
        f"**{len(proofs)}** identifiers, **{len(server)}** of them for a server; {_gaps(server)}",
        "",
        *_table("Requirements of the server", server),
        "",
        *_table("Requirements of the software that calls", others),
        "",
        "## Clauses of IHE ITI that the code names",
        "",
        "| Clause | Code | Tests | Cases |",
        "|---|---|---|---|",
        *(f"| {clause} | {_cells(proof(clause))} |" for clause in clauses()),
    ]


def _gaps(server: Mapping[Requirement, Proof]) -> str:
    gaps = [f"{r.name} (no {found.gap})" for r, found in server.items() if found.gap]
    return f"gaps: {', '.join(gaps)}." if gaps else "each has code, and a test or a case."


def _table(title: str, rows: Mapping[Requirement, Proof]) -> Iterable[str]:
    yield f"## {title}"
    yield ""
    yield "| Identifier | About | What it asks | Code | Tests | Cases |"
    yield "|---|---|---|---|---|---|"
    for row, found in rows.items():
        text = row.text if row.public else f"{row.text} *(text not public)*"
        yield f"| {row.name} | {row.about} | {text} | {_cells(found)} |"


def _cells(found: Proof) -> str:
    code = (path.removeprefix("src/dmpws/") for path in found.code)
    return " | ".join(", ".join(f"`{value}`" for value in column) or "–" for column in (code, found.tests, found.cases))


def _names(text: str) -> set[str]:
    return {*IDENTIFIER.findall(text), *CLAUSE.findall(text), *_RULE.findall(text)}


@cache
def _cases() -> Mapping[str, set[str]]:
    return {case.id: _names(" ".join(case.references)) for case in Conformance().cases.values()}


@cache
def _named(folders: tuple[Path, ...]) -> Mapping[str, set[str]]:
    """The identifiers, clauses and rules named by each file, by its path below the repository.

    Sheets are explanation, not a proof; nor is this module.
    """
    return {
        path.relative_to(REPOSITORY).as_posix(): _names(path.read_text("utf-8"))
        for base in folders
        for path in sorted(base.rglob("*"))
        if path.suffix in _TEXT and path != Path(__file__)
    }
