"""The reference list of approved software: a table, JSON, or a page in French (DMPWS D202)."""

import json
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from html import escape

from dmpws.codec.directory import write_table
from dmpws.codec.directory_kinds import SOFTWARE
from dmpws.domain.access import AuthMode
from dmpws.domain.software import EVERYTHING, ApprovalStatus, Scope, Software

_STATUS = {
    ApprovalStatus.APPROVED: "homologué",
    ApprovalStatus.SUSPENDED: "suspendu",
    ApprovalStatus.REVOKED: "retiré",
}
_MODES = {
    AuthMode.DIRECTE: "directe",
    AuthMode.INDIRECTE: "indirecte",
    AuthMode.INDIRECTE_RENFORCEE: "indirecte renforcée (AIR)",
}
_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: 0; } p { margin: .4rem 0 1.2rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .5rem .7rem; border-bottom: 1px solid #8884; }
th { border-bottom-width: 2px; white-space: nowrap; } ul { margin: 0; padding-left: 1.1rem; }
td.number { font-variant-numeric: tabular-nums; white-space: nowrap; }
.status { white-space: nowrap; font-weight: 600; } .approved { color: #1a7f37; } .suspended { color: #9a6700; }
.revoked, .ended { color: #cf222e; }
@media (prefers-color-scheme: dark) {
  .approved { color: #57c96f; } .suspended { color: #e0b030; } .revoked, .ended { color: #ff8077; } }
@media print { body { max-width: none; margin: 0; } tr { break-inside: avoid; } }
"""


def ordered(software: Sequence[Software]) -> list[Software]:
    """As the list shows them: by editor, family and number."""
    return sorted(software, key=lambda s: (_folded(s.editor), _folded(s.name), s.number))


def _folded(text: str) -> str:
    """Without case and accents, as a French reader sorts."""
    return "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))


def as_tsv(software: Sequence[Software]) -> str:
    """A table of the directory, which `dmpws directory load` reads."""
    return write_table(SOFTWARE, ordered(software))


def as_json(software: Sequence[Software], now: datetime) -> str:
    """now: at which the list is published, aware."""
    entries = [
        {
            "number": one.number,
            "name": one.name,
            "editor": one.editor,
            "category": one.category,
            "status": one.status,
            "in_force": not one.problem(now.date()),
            "valid_from": _day(one.valid_from),
            "valid_until": _day(one.valid_until),
            "approved_for": [
                {"profile": s.profile, "mode": s.mode, "transaction": s.transaction or None} for s in sorted(one.scopes)
            ],
        }
        for one in ordered(software)
    ]
    value = {"published_at": now.isoformat(timespec="seconds"), "software": entries}
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def as_html(software: Sequence[Software], now: datetime) -> str:
    """One page, without scripts and without anything from elsewhere. now: as in `as_json`."""
    rows = "\n".join(_row(one, now.date()) for one in ordered(software))
    count = sum(not one.problem(now.date()) for one in software)
    heads = ("Éditeur", "Famille de produits", "Catégorie", "Numéro", "Profils et modes", "Statut", "Validité")
    return f"""<!doctype html>
<html lang="fr">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Logiciels homologués à la DMP-compatibilité</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>Logiciels homologués à la DMP-compatibilité</h1>
<p>{_counted(count)} en vigueur, {_counted(len(software))} sur la liste. Publiée le {now:%d/%m/%Y à %H:%M} UTC.</p>
<div class="wide">
<table>
<thead><tr>{"".join(f'<th scope="col">{head}</th>' for head in heads)}</tr></thead>
<tbody>
{rows}
</tbody>
</table>
</div>
</body>
</html>
"""


def _counted(count: int) -> str:
    return f"{count} famille{'s' if count > 1 else ''} de produits"


def _row(one: Software, today: date) -> str:
    problem = one.problem(today)
    ended = one.status is ApprovalStatus.APPROVED and problem
    status = "hors validité" if ended else _STATUS[one.status]
    kind = "ended" if ended else one.status
    cells = (
        f"<td>{escape(one.editor) or '–'}</td>",
        f"<td>{escape(one.name)}</td>",
        f"<td>{one.category or '–'}</td>",
        f'<td class="number">{escape(one.number)}</td>',
        f"<td>{_scopes(one.scopes)}</td>",
        f'<td class="status {kind}">{status}</td>',
        f"<td>{_period(one)}</td>",
    )
    return f"<tr>{''.join(cells)}</tr>"


def _scopes(scopes: frozenset[Scope]) -> str:
    if scopes == EVERYTHING:
        return "tous les profils, tous les modes"
    found: Mapping[str, list[str]] = {}
    lines = dict(found)
    for scope in sorted(scopes):
        what = f"{scope.profile} ({scope.transaction})" if scope.transaction else str(scope.profile)
        lines.setdefault(what, []).append(_MODES[scope.mode])
    items = "".join(f"<li>{escape(what)} : {', '.join(modes)}</li>" for what, modes in lines.items())
    return f"<ul>{items}</ul>" if items else "–"


def _period(one: Software) -> str:
    since = f"du {one.valid_from:%d/%m/%Y}" if one.valid_from else ""
    until = f"au {one.valid_until:%d/%m/%Y}" if one.valid_until else ""
    return " ".join(filter(None, (since, until))) or "sans terme"


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None
