"""The evidence of a rehearsal: one folder per case with its frames, its verdict and a sheet, and an index of them.

The frames are those the journal of the server kept, octet for octet; what a secret would look like is taken out.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from dmpws.conformance.candidacy import Candidacy
from dmpws.conformance.evidence_pages import index_page, sheet
from dmpws.conformance.seen import Seen
from dmpws.conformance.watching import Position, State, counts

INDEX = "index.json"
VERDICT = "verdict.json"
NAMES = {"request": "requete", "answer": "reponse"}
_SECRETS = (
    re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
    re.compile(rb"(?<=>)(?!\*\*\*<)[^<>]+(?=</(?:[\w.-]+:)?(?:password|Password|motDePasse)\s*>)"),
)
_TAKEN_OUT = b"***"


class NoFrames(Exception):
    """There is nothing to hand in; the message says why, in French."""


class Journal(Protocol):
    """The journal of the server, as its operator port gives it."""

    def detail(self, exchange: int) -> Mapping[str, Any]:
        """One exchange with its checks and the sizes of its messages."""
        ...

    def octets(self, exchange: int, direction: str) -> bytes:
        """Its `request` or `answer`."""
        ...


@dataclass(frozen=True, slots=True)
class Written:
    """What was written. cut: the messages the journal had only the beginning of, as `case/file`."""

    cases: int
    exchanges: int
    cut: tuple[str, ...]


def write_evidence(
    target: Path, candidacy: Candidacy, positions: Sequence[Position], journal: Journal, now: datetime
) -> Written:
    """Write the evidence of the cases that are done, and the sheets of those somebody must look at.

    target: a new folder, an empty one, or one of earlier evidence, which is replaced. Raises NoFrames when the journal
    has none of the frames, and FileExistsError for any other folder.
    """
    performed = {position.case.id: _exchanges(position, journal) for position in positions if position.exchanges}
    kept = [one for exchanges in performed.values() for one in exchanges]
    if kept and not any(one[name]["kept"] for one in kept for name in NAMES):
        raise NoFrames("le journal de ce serveur ne garde pas les trames (option journal_message)")
    _clear(target)
    cut: list[str] = []
    entries: list[dict[str, Any]] = []
    for position in positions:
        entry = {"id": position.case.id, "title": position.case.title, "state": str(position.state), "folder": None}
        if position.state is not State.MISSING:
            verdict = _verdict(candidacy, position, performed.get(position.case.id, ()))
            cut += _write_case(target / position.case.id, verdict, journal)
            entry["folder"] = position.case.id
        entries.append({**entry, "why": list(position.why)})
    index = {
        "plan": candidacy.plan.version,
        "guide": candidacy.plan.guide,
        "software": candidacy.software,
        "profiles": sorted(candidacy.profiles),
        "made_at": now.isoformat(timespec="seconds"),
        "counts": counts(positions),
        "cases": entries,
    }
    _write_json(target / INDEX, index)
    (target / "index.html").write_text(index_page(index), "utf-8")
    return Written(sum(1 for e in entries if e["folder"]), len(kept), tuple(cut))


def _exchanges(position: Position, journal: Journal) -> list[Mapping[str, Any]]:
    return [journal.detail(seen.id) for seen in position.exchanges]


def _clear(target: Path) -> None:
    """Make the folder, or take out of it what an earlier run wrote and nothing else."""
    if target.exists() and any(target.iterdir()):
        try:
            written = json.loads((target / INDEX).read_text("utf-8"))["cases"]
            folders = [target / case["folder"] for case in written if case["folder"]]
        except (OSError, ValueError, KeyError, TypeError):
            raise FileExistsError(f"{target} holds something else than evidence") from None
        for folder in folders:
            if folder.parent == target and (folder / VERDICT).is_file():
                shutil.rmtree(folder)
    target.mkdir(parents=True, exist_ok=True)


def _verdict(candidacy: Candidacy, position: Position, exchanges: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    case = position.case
    return {
        "id": case.id,
        "title": case.title,
        "state": str(position.state),
        "plan": candidacy.plan.version,
        "guide": candidacy.plan.guide,
        "profile": str(case.profile),
        "transaction": case.transaction,
        "references": list(case.references),
        "exchanges": [_exchange(one) for one in exchanges],
        "to_show": list(position.unseen),
    }


def _exchange(detail: Mapping[str, Any]) -> dict[str, Any]:
    """What is told of an exchange: who, how, on whom, with what answer."""
    facts = Seen(detail).facts
    told = {name: detail[name] for name in ("id", "at", "correlation_id", "transaction", "status", "code", "reason")}
    told |= {
        name: detail[name] for name in ("person", "structure", "mode", "purpose", "software", "approval", "patient")
    }
    told |= {"software_version": facts.get("software_version", ""), "card": facts.get("certificate_kind", "")}
    told["checks"] = list(detail["checks"])
    return {**told, **{name: dict(detail[name]) for name in NAMES}}


def _write_case(folder: Path, verdict: dict[str, Any], journal: Journal) -> list[str]:
    """Write one folder and return the files that are not whole."""
    folder.mkdir()
    cut = []
    for number, exchange in enumerate(verdict["exchanges"], 1):
        for direction, word in NAMES.items():
            message = exchange[direction]
            octets, taken_out = (
                without_secrets(journal.octets(exchange["id"], direction)) if message["kept"] else (b"", 0)
            )
            name = f"{number}-{word}.{'mime' if message['content_type'].startswith('multipart/') else 'xml'}"
            message |= {"file": name, "sha256": hashlib.sha256(octets).hexdigest(), "taken_out": taken_out}
            (folder / name).write_bytes(octets)
            if message["cut"]:
                cut.append(f"{folder.name}/{name}")
    _write_json(folder / VERDICT, verdict)
    (folder / "fiche.html").write_text(sheet(verdict), "utf-8")
    return cut


def without_secrets(octets: bytes) -> tuple[bytes, int]:
    """A message without what is a secret, and how many were taken out."""
    taken_out = 0
    for pattern in _SECRETS:
        octets, count = pattern.subn(_TAKEN_OUT, octets)
        taken_out += count
    return octets, taken_out


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", "utf-8")
