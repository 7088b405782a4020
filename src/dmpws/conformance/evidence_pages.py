"""The sheets of the evidence, in French: plain HTML, without scripts and without anything from elsewhere."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from html import escape
from typing import Any

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1b1f24; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; vertical-align: top; }
th, td { padding: .35rem .6rem; border-bottom: 1px solid #d5d9de; } th { font-weight: 600; white-space: nowrap; }
.done { color: #14692f; } .missing, .violated { color: #a3201b; } .manual { color: #6a5300; }
.box { list-style: none; padding-left: 0; } .box li::before { content: "☐ "; }
.id { white-space: nowrap; }
.sign td { height: 2.5rem; width: 33%; } code { font-size: .92em; overflow-wrap: anywhere; }
@media print { body { margin: 0; } a { color: inherit; text-decoration: none; } }
"""
_STATES = {"done": "✓ réalisé", "missing": "✗ à faire", "violated": "✗ enfreint", "manual": "☐ à montrer"}
_MODES = {"DIRECTE": "directe", "INDIRECTE": "indirecte", "INDIRECTE_RENFORCEE": "indirecte renforcée (AIR)"}
_PURPOSES = {"normal": "normal", "bris_de_glace": "bris de glace", "centre_15": "régulation (centre 15)"}
_FACTS = {
    "Reçu le": "at",
    "Transaction": "transaction",
    "Identifiant de corrélation": "correlation_id",
    "Logiciel": "software",
    "Version": "software_version",
    "Homologation": "approval",
    "Professionnel": "person",
    "Structure": "structure",
    "Carte ou certificat": "card",
    "Patient": "patient",
}


def sheet(verdict: Mapping[str, Any]) -> str:
    """The sheet of one case."""
    return _page(f"{verdict['id']} – {verdict['title']}", _sheet(verdict))


def _sheet(verdict: Mapping[str, Any]) -> Iterator[str]:
    yield f'<p class="{verdict["state"]}"><strong>{_STATES[verdict["state"]]}</strong></p>'
    facts = {
        "Transaction": verdict["transaction"],
        "Profil": verdict["profile"],
        "Plan de tests": f"{verdict['plan']} (guide {verdict['guide']})",
        "Références": ", ".join(verdict["references"]),
    }
    yield _table(facts)
    for number, exchange in enumerate(verdict["exchanges"], 1):
        yield f"<h2>Échange {number} (n° {exchange['id']} du journal)</h2>"
        yield _table(_who(exchange), _messages(exchange))
    if verdict["to_show"]:
        yield "<h2>À montrer à l'examinateur</h2>"
        yield f'<ul class="box">{"".join(f"<li>{escape(item)}</li>" for item in verdict["to_show"])}</ul>'
    yield "<h2>Relecture</h2>"
    cells = "".join(f"<td>{word} :</td>" for word in ("Nom", "Date", "Remarques"))
    yield f'<table class="sign"><tr>{cells}</tr></table>'


def _who(exchange: Mapping[str, Any]) -> dict[str, str]:
    facts = {label: str(exchange[name]) for label, name in _FACTS.items() if exchange[name]}
    facts["Reçu le"] = _moment(exchange["at"])
    facts["Authentification"] = _MODES.get(exchange["mode"], exchange["mode"] or "VIHF refusé")
    facts["Mode d'accès"] = _PURPOSES.get(exchange["purpose"], exchange["purpose"] or "–")
    answered = f"{exchange['code']} : {exchange['reason']}" if exchange["code"] else "sans erreur"
    facts["Réponse du serveur"] = answered
    passed = sum(check["outcome"] == "passed" for check in exchange["checks"])
    failed = [check["rule"] for check in exchange["checks"] if check["outcome"] == "failed"]
    facts["Contrôles"] = f"{passed} réussis" + (f", en échec : {', '.join(failed)}" if failed else "")
    return facts


def _moment(iso: str) -> str:
    return f"{datetime.fromisoformat(iso).astimezone(UTC):%d/%m/%Y à %H:%M:%S} UTC"


def _messages(exchange: Mapping[str, Any]) -> dict[str, str]:
    """As HTML: each is a link to its file."""
    return {"Requête": _message(exchange["request"]), "Réponse": _message(exchange["answer"])}


def _message(message: Mapping[str, Any]) -> str:
    name = escape(message["file"])
    told = f'<a href="{name}">{name}</a>, {message["size"]} octets<br><code>SHA-256 {escape(message["sha256"])}</code>'
    if message["cut"]:
        told += f" ; seuls les {message['kept']} premiers octets ont été gardés (option journal_message)"
    if message["taken_out"]:
        told += f" ; {message['taken_out']} secret retiré"
    return told


def index_page(index: Mapping[str, Any]) -> str:
    """The list of the cases."""
    return _page("Preuves de la répétition d'homologation", _index(index))


def _index(index: Mapping[str, Any]) -> Iterator[str]:
    counted = index["counts"]
    facts = {
        "Plan de tests": f"{index['plan']} (guide {index['guide']})",
        "Profils": ", ".join(index["profiles"]) or "cas communs",
        "Logiciel": index["software"] or "tous",
        "Établi le": _moment(index["made_at"]),
        "Cas": f"{counted['done']} réalisés, {counted['missing']} à faire, {counted['violated']} enfreints, "
        f"{counted['manual']} à montrer",
    }
    yield _table(facts)
    yield "<h2>Cas</h2><table><thead><tr><th>Cas</th><th>Titre</th><th>État</th><th>Remarque</th></tr></thead><tbody>"
    for case in index["cases"]:
        name = escape(case["id"])
        link = f'<a href="{name}/fiche.html">{name}</a>' if case["folder"] else name
        state = f'<td class="id {case["state"]}">{_STATES[case["state"]]}</td>'
        title, why = escape(case["title"]), escape(" ; ".join(case["why"]))
        yield f'<tr><td class="id">{link}</td><td>{title}</td>{state}<td>{why}</td></tr>'
    yield "</tbody></table>"
    yield "<p>Ces preuves viennent du journal de dmpws. Elles ne sont pas une homologation.</p>"


def _table(facts: Mapping[str, str], markup: Mapping[str, str] | None = None) -> str:
    """Rows of a name and a text, then those of a name and HTML."""
    cells = {**{name: escape(text) for name, text in facts.items()}, **(markup or {})}
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{cell}</td></tr>" for name, cell in cells.items())
    return f"<table>{rows}</table>"


def _page(title: str, parts: Iterator[str]) -> str:
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        f'<!doctype html>\n<html lang="fr">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{escape(title)}</h1>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )
