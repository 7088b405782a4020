"""Reading the file of an affinity domain: TOML, and the codes.xml of public IHE test suites beside it."""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lxml import etree

from dmpws.domain.affinity import AffinityDomain, Coded
from dmpws.domain.checks import Refused
from dmpws.domain.datatypes import is_oid
from dmpws.xml.parser import parse

_KEYS = {
    "repository": str,
    "uri": str,
    "assertion_providers": list,
    "assigning_authorities": list,
    "patients": str,
    "unknown_patient": str,
    "initial_version": str,
    "codes_file": str,
    "codes": dict,
}
_CHOICES = {
    "patients": ("fed", "any"),
    "unknown_patient": ("error", "empty"),
    "initial_version": ("XDSMetadataUpdateError", "XDSInvalidRequestException"),
}
_PUBLIC_NAMES = {"folderCodeList": Coded.FOLDER}
"""What codes.xml calls differently."""

Codes = dict[Coded, set[tuple[str, str]]]


def read_domain(path: Path) -> AffinityDomain:
    """Read an affinity domain. Raises OSError, or ValueError saying what is wrong in which file."""
    values = _table(path)
    codes: Codes = {}
    authorities = list(values.get("assigning_authorities", ()))
    if "codes_file" in values:
        authorities += _read_codes(path.parent / values["codes_file"], codes)
    for name, entries in values.get("codes", {}).items():
        codes.setdefault(_attribute(path, name), set()).update(_code(path, name, entry) for entry in entries)
    default = AffinityDomain()
    domain = AffinityDomain(
        repository=values.get("repository", default.repository),
        uri=values.get("uri", ""),
        providers=tuple(values.get("assertion_providers", ())),
        authorities=frozenset(authorities),
        codes={attribute: frozenset(known) for attribute, known in codes.items()},
        fed=values.get("patients", "fed") == "fed",
        unknown_is_error=values.get("unknown_patient", "error") == "error",
        initial_version=values.get("initial_version", default.initial_version),
    )
    for oid in (domain.repository, *domain.authorities):
        if not is_oid(str(oid)):
            raise ValueError(f"{path}: {oid!r} is not an OID")
    return domain


def _table(path: Path) -> Mapping[str, Any]:
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: {error}") from None
    for name, value in values.items():
        if name not in _KEYS:
            raise ValueError(f"{path}: unknown key {name!r}; there are {', '.join(_KEYS)}")
        if not isinstance(value, _KEYS[name]):
            raise ValueError(f"{path}: {name} is not a {_KEYS[name].__name__}")
        if value not in _CHOICES.get(name, (value,)):
            raise ValueError(f"{path}: {name} {value!r} is not one of {', '.join(_CHOICES[name])}")
    return values


def _attribute(path: Path, name: str) -> Coded:
    try:
        return Coded(name)
    except ValueError:
        raise ValueError(f"{path}: codes.{name} is none of {', '.join(Coded)}") from None


def _code(path: Path, name: str, text: object) -> tuple[str, str]:
    """`code^^system`, as a query spells it; a media type stands alone."""
    code, _, system = str(text).partition("^^")
    if not code or bool(system) is (name == Coded.MIME_TYPE):
        raise ValueError(f"{path}: codes.{name} {text!r} is not code^^system")
    return code, system


def _read_codes(path: Path, codes: Codes) -> list[str]:
    """Add the codes of a codes.xml, and return the assigning authorities it lists."""
    try:
        root = parse(path.read_bytes())
    except Refused as refused:
        raise ValueError(f"{path}: {refused}") from None
    for kind in _every(root, "CodeType"):
        name = kind.get("name", "")
        attribute = _PUBLIC_NAMES.get(name) or (Coded(name) if name in set(Coded) else None)
        if attribute is None:  # these files list more than metadata
            continue
        known = codes.setdefault(attribute, set())
        for code in _every(kind, "Code"):
            system = "" if attribute is Coded.MIME_TYPE else code.get("codingScheme", "")
            known.add((code.get("code", ""), system))
    return [authority.get("id", "") for authority in _every(root, "AssigningAuthority")]


def _every(parent: etree._Element, name: str) -> Iterable[etree._Element]:
    return parent.iter(f"{{*}}{name}")
