"""The import rules of docs/explanation/architecture.md, read from the source and checked."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import dmpws

SOURCE = Path(dmpws.__file__).parent
EVERYTHING = frozenset(p.name for p in SOURCE.iterdir() if p.is_dir() and (p / "__init__.py").exists())

# What each package may import of ours besides itself. A module a rule names is written `package.module`.
ALLOWED: dict[str, frozenset[str]] = {
    "domain": frozenset(),
    "xml": frozenset({"domain"}),
    "codec": frozenset({"domain", "xml"}),
    "pki": frozenset({"domain", "xml"}),
    "signature": frozenset({"domain", "xml", "pki"}),
    "vihf": frozenset({"domain", "xml", "pki", "signature", "soap.message"}),
    "soap": frozenset({"domain", "xml", "resources"}),
    "http": frozenset({"domain", "xml", "soap"}),
    "audit": frozenset({"domain"}),
    "store": frozenset({"domain", "audit", "signature.model", "transactions.ports", "resources"}),
    "transactions": frozenset(
        {"domain", "xml", "codec", "vihf.model", "vihf.xua_model", "signature.model", "soap.message", "audit.trace"}
    ),
    # An act is a transaction without a message: the same reach, and the ports and the rights of the transactions.
    "acts": frozenset({"domain", "xml", "codec", "audit.trace", "transactions"}),
    "client": frozenset({"domain", "xml", "codec", "pki", "signature", "vihf", "http", "transactions"}),
}
# The outermost packages know everybody.
OUTERMOST = frozenset({"cli", "testing", "bench", "frames", "seed", "conformance", "lab"})

SEALS = {"vihf.model": "vihf.verify", "vihf.xua_model": "vihf.xua", "signature.model": "signature.verify_lot"}


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(SOURCE.rglob("*.py")):
        name = ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")
        yield name, ast.parse(path.read_text("utf-8"))


MODULES = dict(modules())


def ours(tree: ast.Module) -> Iterator[str]:
    """Each dmpws module that `tree` imports, without the leading `dmpws.`, as `module` or `module.name`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (a.name.removeprefix("dmpws.") for a in node.names if a.name.startswith("dmpws."))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "dmpws":
            base = (node.module or "").removeprefix("dmpws").lstrip(".")
            for alias in node.names:
                full = f"{base}.{alias.name}".lstrip(".")
                yield full if full in MODULES or not base else base


def may_import(package: str, target: str) -> bool:
    if target.split(".", maxsplit=1)[0] == package:
        return True
    return any(target == a or target.startswith(a + ".") for a in ALLOWED[package])


def test_every_package_has_a_rule() -> None:
    assert ALLOWED.keys() | OUTERMOST == EVERYTHING


@pytest.mark.parametrize("name", sorted(MODULES))
def test_imports_follow_the_rules(name: str) -> None:
    package = name.split(".", maxsplit=1)[0]
    if package not in ALLOWED:
        return
    wrong = sorted({t for t in ours(MODULES[name]) if not may_import(package, t)})
    assert wrong == [], f"dmpws.{name} may not import {wrong}"


def test_only_the_hardened_parser_parses_xml() -> None:
    builders = {"XMLParser", "parse", "fromstring", "XML", "iterparse", "fromstringlist", "XMLPullParser", "HTML"}
    wrong = [
        f"{name}:{node.lineno}"
        for name, tree in MODULES.items()
        if name != "xml.parser"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr in builders
        and isinstance(node.value, ast.Name)
        and node.value.id in {"etree", "ElementTree"}
    ]
    assert wrong == []


def test_only_the_verifiers_hold_the_seals() -> None:
    for model, verifier in SEALS.items():
        holders = {
            name
            for name, tree in MODULES.items()
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            and node.module == f"dmpws.{model}"
            and any(a.name == "SEAL" for a in node.names)
        }
        assert holders == {verifier}


def test_files_stay_small() -> None:
    sizes = {p.relative_to(SOURCE).as_posix(): len(p.read_text("utf-8").splitlines()) for p in SOURCE.rglob("*.py")}
    assert {name: n for name, n in sizes.items() if n > 600} == {}
    too_long = {n: s for n, s in sizes.items() if n.startswith("transactions/td") and s > 250}
    assert too_long == {}
