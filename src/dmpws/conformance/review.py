"""Reviewing evidence: is it whole, is it of this software, does it show what the profiles and modes demand?

It reads what `dmpws evidence` writes: `index.json`, and per case a folder with `verdict.json` and the frames it names.
"""

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dmpws.conformance import cases
from dmpws.conformance.cases import Conformance
from dmpws.domain.homologation import Assessment, HomologationFile
from dmpws.domain.software import Profile

INDEX, VERDICT = "index.json", "verdict.json"
LARGEST_INDEX = 16 * 1024 * 1024
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_PROFILES = {
    Profile.MANAGEMENT: cases.Profile.CREATION,
    Profile.FEEDING: cases.Profile.FEEDING,
    Profile.CONSULTATION: cases.Profile.READING,
}


class BadEvidence(Exception):
    """The folder is no evidence; the message says why."""


@dataclass(frozen=True, slots=True)
class _Case:
    id: str
    title: str
    state: str
    transaction: str
    modes: frozenset[str]
    software: frozenset[str]
    problems: tuple[str, ...]


def review(
    folder: Path, file: HomologationFile, conformance: Conformance, *, shown: Collection[str] = ()
) -> Assessment:
    """Judge the evidence of a product family. Raises BadEvidence.

    shown: cases of which the reviewer saw what no frame tells, or {"all"}.
    """
    index, digest = _json(folder / INDEX), hashlib.sha256()
    try:
        entries = list(_cases(folder, index["cases"], digest))
        plan = conformance.plans.get(str(index["plan"]))
        profiles = frozenset(map(str, index["profiles"]))
    except (KeyError, TypeError, AttributeError) as error:
        raise BadEvidence(f"{folder / INDEX}: not as `dmpws evidence` writes it ({error!r})") from None
    if plan is None:
        known = ", ".join(conformance.plans)
        raise BadEvidence(f"{folder / INDEX}: plan {index['plan']!r} is unknown; there is {known}")
    if unknown := set(shown) - {"all"} - {case.id for case in entries}:
        raise BadEvidence(f"shown: {', '.join(sorted(unknown))} is not in the evidence")
    seen = tuple(c.id for c in entries if c.state == "manual" and (c.id in shown or "all" in shown))
    counted = [case for case in entries if case.state == "done" or case.id in seen]
    problems = [problem for case in entries for problem in case.problems]
    problems += _of_cases(entries, seen)
    problems += _of_file(file, counted, plan, profiles)
    software = ", ".join(sorted(frozenset[str]().union(*(case.software for case in counted))))
    done = tuple(case.id for case in counted if case.id not in seen)
    return Assessment(digest.hexdigest(), plan.version, software, done, seen, tuple(problems))


def _of_cases(entries: Collection[_Case], seen: Collection[str]) -> Iterator[str]:
    words = {"missing": "pas réalisé", "violated": "enfreint", "manual": "à montrer à l'examinateur"}
    for case in entries:
        if case.state != "done" and case.id not in seen:
            yield f"{case.id} : {words.get(case.state, case.state)} ({case.title})"


def _of_file(
    file: HomologationFile, counted: Collection[_Case], plan: cases.Plan, profiles: Collection[str]
) -> Iterator[str]:
    """What the profiles and modes of the file demand and the cases do not show."""
    transactions = {case.transaction for case in counted}
    for profile in sorted({scope.profile for scope in file.scopes}):
        name = _PROFILES[profile]
        if name not in profiles:
            yield f"profil {profile} : les preuves ne le concernent pas"
        for code in plan.profiles[name].mandatory:
            asked = {scope.transaction for scope in file.scopes if scope.profile is profile}
            if code not in transactions and ("" in asked or code in asked):
                yield f"profil {profile} : aucun cas de {code}, qui est obligatoire"
    modes = frozenset[str]().union(*(case.modes for case in counted))
    for mode in sorted({scope.mode for scope in file.scopes} - modes):
        yield f"mode {mode} : aucun échange dans ce mode"
    for other in sorted(frozenset[str]().union(*(case.software for case in counted)) - {file.software}):
        yield f"des échanges sont d'un autre logiciel : {other!r} au lieu de {file.software!r}"


def _cases(folder: Path, listed: Any, digest: Any) -> Iterator[_Case]:
    """The cases of the index with what their folders hold; the digest covers every file that is named."""
    for entry in listed:
        name = entry["folder"]
        digest.update(f"{entry['id']}\0{entry['state']}\0".encode())
        if name is None:
            yield _Case(entry["id"], entry["title"], entry["state"], "", frozenset(), frozenset(), ())
            continue
        if not _NAME.fullmatch(name):
            raise BadEvidence(f"{folder / INDEX}: {name!r} is no folder of it")
        verdict = _json(folder / name / VERDICT)
        digest.update(json.dumps(verdict, sort_keys=True).encode())
        exchanges = verdict["exchanges"]
        problems = tuple(_spoilt(folder / name, exchanges, digest))
        if verdict["id"] != entry["id"] or verdict["state"] != entry["state"]:
            problems += (f"{entry['id']} : l'index et {VERDICT} ne disent pas la même chose",)
        if entry["state"] == "done" and not exchanges:
            problems += (f"{entry['id']} : réalisé, mais sans échange",)
        modes = frozenset(str(one["mode"]) for one in exchanges if one["mode"])
        software = frozenset(str(one["software"]) for one in exchanges if one["software"])
        yield _Case(entry["id"], entry["title"], entry["state"], verdict["transaction"], modes, software, problems)


def _spoilt(folder: Path, exchanges: Any, digest: Any) -> Iterator[str]:
    """Frames that are not there, or not as the journal kept them."""
    for exchange in exchanges:
        for direction in ("request", "answer"):
            message: Mapping[str, Any] = exchange[direction]
            name = str(message["file"])
            if not _NAME.fullmatch(name):
                raise BadEvidence(f"{folder / VERDICT}: {name!r} is no file of it")
            try:
                octets = (folder / name).read_bytes()
            except OSError as error:
                yield f"{folder.name}/{name} : {error.strerror}"
                continue
            found = hashlib.sha256(octets).hexdigest()
            digest.update(found.encode())
            if found != message["sha256"]:
                yield f"{folder.name}/{name} : modifié après avoir été écrit"


def _json(path: Path) -> Any:
    try:
        if path.stat().st_size > LARGEST_INDEX:
            raise BadEvidence(f"{path}: larger than {LARGEST_INDEX} octets")
        return json.loads(path.read_bytes())
    except OSError as error:
        raise BadEvidence(f"{path}: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise BadEvidence(f"{path}: not JSON") from None
