"""The example frames of the folder `transactions/`: read, rendered and compared.

Each folder has frames (whole SOAP envelopes with `{{placeholders}}`) and `cases.toml`, which says for each frame
who sends it, in which state the record is, and what must come back. `dmpws.testing.stage` plays them.
"""

import re
import tomllib
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any

from lxml import etree

from dmpws.cast import PATIENTS, SOFTWARE, CastPatient
from dmpws.domain import oids
from dmpws.domain.ins_c import ins_c
from dmpws.domain.patient import Ins
from dmpws.resources import folder
from dmpws.xml.path import path_of

ANY = "{{any}}"
"""In an expected answer: whatever value."""
_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")


@dataclass(frozen=True, slots=True)
class Example:
    """One frame and its promise.

    id: `TD0.3/add`. request, answer: files of the folder; only the Body of the answer is compared, and only its
    code when there is no file. change: texts of the request and what replaces each, once. after: examples that are
    played before, on the same record. code: AA, DMPOk, Success or an error code. carrier: a value of
    `dmpws.domain.errors.Carrier`. context: a part of what a refusal says: expected, found, rule. expect: XPath (prefix
    `h` for HL7 v3) to the text it must give.
    caller: a card of the demo PKI. person: who works with a structure's card, in the public cast. mode: for a
    structure's card, INDIRECTE or INDIRECTE_RENFORCEE. patient: key of the cast, whose INS is in the token.
    software: approval number of the software that calls, in the public cast.
    given: the state of the record, see `dmpws.testing.stage.Stage.given`. options: configuration of the server.
    valid: the Body is valid against its schema. official: the answer is so against the official one.
    """

    id: str
    folder: Path
    title: str
    request: str
    code: str
    carrier: str
    context: str = ""
    answer: str = ""
    change: Sequence[tuple[str, str]] = ()
    after: tuple[str, ...] = ()
    expect: Mapping[str, str] = field(default_factory=dict)
    caller: str = "medecin-libre"
    person: str = "801234567897"
    mode: str = "INDIRECTE"
    purpose: str = "normal"
    patient: str = "pat-trois"
    software: str = SOFTWARE.number
    given: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    valid: bool = True
    official: bool = True


def examples(base: Path | None = None) -> Iterator[Example]:
    """All examples, by transaction, in the order of the files. Raises ValueError naming a bad file."""
    for path in sorted((base or folder("transactions")).glob("*/cases.toml")):
        content = tomllib.loads(path.read_text("utf-8"))
        for frame in content.get("frame", []):
            yield _example(path, {**content.get("defaults", {}), **frame})


def _example(path: Path, values: dict[str, Any]) -> Example:
    if unknown := values.keys() - {f.name for f in fields(Example)}:
        raise ValueError(f"{path.parent.name}/cases.toml: unknown key {', '.join(sorted(unknown))}")
    values["id"] = f"{path.parent.name}/{values['id']}"
    values["after"] = tuple(values.get("after", ()))
    return Example(folder=path.parent, **values)


def request_text(example: Example) -> str:
    """The request of an example, changed but not rendered. Raises ValueError when there is nothing to change."""
    text = (example.folder / example.request).read_text("utf-8")
    for old, new in example.change:
        if old not in text:
            raise ValueError(f"{example.id}: {old!r} is not in {example.request}")
        text = text.replace(old, new, 1)
    return text


def values_of(example: Example, *, now: datetime, **more: str) -> dict[str, str]:
    """What the placeholders of an example stand for, identifiers aside. now: aware UTC."""
    patient = PATIENTS[example.patient]
    return {
        "ins": patient.ins.value,
        "ins_authority": patient.ins.authority,
        "ins_c": former_identifier(patient).value,
        "now": f"{now:%Y%m%d%H%M%S}",
        "today": f"{now:%Y%m%d}",
        "any": ANY,
        **more,
    }


def former_identifier(patient: CastPatient) -> Ins:
    """The INS-C under which the patient's old documents are."""
    traits = patient.traits
    return Ins(ins_c(traits.name.given, traits.birth_date[2:], patient.ins.value[:13]), oids.INS_C)


def render(text: str, values: Mapping[str, str]) -> str:
    """Replace the placeholders. Names that begin with `uuid` or `oid`, and `message_id`, are identifiers: the same
    name is the same identifier everywhere. Raises KeyError for an unknown name."""
    return _PLACEHOLDER.sub(lambda match: values.get(match[1]) or _identifier(match[1]), text)


def _identifier(name: str) -> str:
    identifier = uuid.uuid5(uuid.NAMESPACE_OID, name)
    if name.startswith(("uuid", "message_id")):
        return str(identifier)
    if name.startswith("oid"):
        return f"2.25.{identifier.int}"
    raise KeyError(f"unknown placeholder {name}")


def difference(expected: etree._Element, found: etree._Element) -> str:
    """Where two trees differ in names, attributes, texts or order; "" when they do not. `{{any}}` is any value."""
    if expected.tag != found.tag:
        return f"{path_of(found)}: {found.tag} instead of {expected.tag}"
    for name in sorted({*expected.attrib, *found.attrib}):
        wanted, given = expected.get(name), found.get(name)
        if wanted != given and (wanted != ANY or given is None):
            return f"{path_of(found)}/@{name}: {given!r} instead of {wanted!r}"
    wanted_text, given_text = ((e.text or "").strip() for e in (expected, found))
    if wanted_text not in (given_text, ANY):
        return f"{path_of(found)}: {given_text!r} instead of {wanted_text!r}"
    children = (list(e.iterchildren(etree.Element)) for e in (expected, found))
    for wanted_child, given_child in zip_longest(*children):
        if wanted_child is None or given_child is None:
            extra = wanted_child if given_child is None else given_child
            return f"{path_of(extra)}: {'missing' if given_child is None else 'not expected'}"
        if different := difference(wanted_child, given_child):
            return different
    return ""
