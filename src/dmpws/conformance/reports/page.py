"""The report a person reads: one HTML file in French, without scripts and without anything from elsewhere."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from html import escape
from importlib import resources

from dmpws.conformance.cases import Profile
from dmpws.conformance.results import CaseResult, FrameResult, Part, RunResult, StepResult, Verdict, by_transaction
from dmpws.transactions import load
from dmpws.transactions.registry import Interface, transactions

MARKS = {
    Verdict.PASSED: "✓ réussi",
    Verdict.FAILED: "✗ échec",
    Verdict.NOT_PLAYED: "– non joué",
    Verdict.MANUAL: "☐ manuel",
}
COUNTS = {
    Verdict.PASSED: ("réussi", "réussis"),
    Verdict.FAILED: ("échec", "échecs"),
    Verdict.NOT_PLAYED: ("non joué", "non joués"),
    Verdict.MANUAL: ("à vérifier à la main", "à vérifier à la main"),
}
_PARTS = {Part.GIVEN: "état du dossier", Part.PREPARE: "préparation", Part.STEP: ""}
_PROFILES = {
    Profile.COMMON: "tous les profils",
    Profile.CREATION: "création et gestion",
    Profile.FEEDING: "alimentation",
    Profile.READING: "consultation",
}
_OTHERS = {
    "TNR": "Non-régression",
    "LDRM": "Régulation médicale",
    "TD0.9": "Accès Web-PS contextuel",
    "TD0.10": "Accès Web-PS contextuel en mode AIR",
}
_FOOTER = (
    "Les patients et les professionnels sont ceux, fictifs, du plan de tests national. Les trames sont montrées "
    "indentées, sans leurs pièces jointes. Ce rapport n'est pas une homologation."
)
_MONTHS = (
    *("janvier", "février", "mars", "avril", "mai", "juin"),
    *("juillet", "août", "septembre", "octobre", "novembre", "décembre"),
)


def to_html(run: RunResult) -> str:
    """Write a run as a page."""
    style = resources.files("dmpws.conformance.reports").joinpath("style.css").read_text("utf-8")
    return "".join(
        (
            '<!doctype html>\n<html lang="fr">\n<head>\n<meta charset="utf-8">\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n",
            f"<title>{_verdict(run)} – conformité DMP, plan {escape(run.plan)}</title>\n<style>\n{style}</style>\n",
            '</head>\n<body>\n<a class="skip" href="#cas">Aller aux cas</a>\n',
            *_head(run),
            "<main>\n",
            *_summary(run),
            *_to_read(run, Verdict.FAILED, "À corriger"),
            *_to_read(run, Verdict.NOT_PLAYED, "Non joués"),
            '<div id="cas">\n',
            *(part for group in by_transaction(run.cases).items() for part in _transaction(*group)),
            "</div>\n</main>\n",
            f"<footer><p>Fait par {escape(run.kit)}. {_FOOTER}</p></footer>\n</body>\n</html>\n",
        )
    )


def _head(run: RunResult) -> Iterator[str]:
    title = f"Scénario : {run.scenario}" if run.scenario else "Conformité au plan de tests du DMP"
    yield f'<header>\n<h1>{escape(title)}</h1>\n<p class="lead">{_sentence(run)}</p>\n<dl class="facts">\n'
    facts = {
        "Serveur": run.url,
        "Plan": run.plan,
        "Guide": run.guide,
        "Joué le": _moment(run.started),
        "Durée": f"{run.duration:.1f} s".replace(".", ","),
    }
    for name, value in facts.items():
        yield f"<div><dt>{name}</dt><dd>{escape(value)}</dd></div>\n"
    yield "</dl>\n</header>\n"


def _verdict(run: RunResult) -> str:
    if not run.count(Verdict.PASSED) and not run.count(Verdict.FAILED):
        return "Rien n'a été joué"
    return "Conforme" if run.ok else _counted(Verdict.FAILED, run.count(Verdict.FAILED))


def _sentence(run: RunResult) -> str:
    passed, failed = run.count(Verdict.PASSED), run.count(Verdict.FAILED)
    played = passed + failed
    if not played:
        return "Aucun cas n'a pu être joué."
    if run.ok:
        return f"Le serveur donne la réponse attendue dans {_all(played)}."
    return f"Le serveur donne une autre réponse que celle attendue dans <strong>{failed} cas sur {played}</strong>."


def _all(played: int) -> str:
    return "le cas joué" if played == 1 else f"les {played} cas joués"


def _counted(verdict: Verdict, count: int) -> str:
    return f"{count} {COUNTS[verdict][count > 1]}"


def _moment(iso: str) -> str:
    moment = datetime.fromisoformat(iso)
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year} à {moment:%H:%M} ({moment.tzname() or 'locale'})"


def _summary(run: RunResult) -> Iterator[str]:
    yield '<section aria-labelledby="resume">\n<h2 id="resume">Résumé</h2>\n<ul class="counts">\n'
    for verdict, words in COUNTS.items():
        count = run.count(verdict)
        yield f'<li class="{verdict if count else "none"}"><strong>{count}</strong> {words[count > 1]}</li>\n'
    widths = {verdict: run.count(verdict) for verdict in COUNTS}
    bars = "".join(f'<i class="{verdict}" style="flex:{count}"></i>' for verdict, count in widths.items() if count)
    yield f'</ul>\n<div class="bar" aria-hidden="true">{bars}</div>\n'
    if run.count(Verdict.FAILED):
        box = '<input type="checkbox" id="only"> Ne montrer ci-dessous que les échecs'
        yield f'<p class="filter"><label>{box}</label></p>\n'
    heads = "".join(f'<th scope="col" class="n">{words[1].capitalize()}</th>' for words in _short())
    yield '<table style="margin-top:1.5rem">\n<caption>Par transaction</caption>\n<thead><tr>'
    yield f'<th scope="col">Transaction</th>{heads}</tr></thead>\n<tbody>\n'
    for code, cases in by_transaction(run.cases).items():
        cells = "".join(_cell(verdict, cases) for verdict in COUNTS)
        link = f'<a href="#{_anchor(code)}">{escape(code)}</a> {escape(_title(code))}'
        yield f'<tr><th scope="row">{link}</th>{cells}</tr>\n'
    yield "</tbody>\n</table>\n</section>\n"


def _short() -> Iterable[tuple[str, str]]:
    return [words if verdict is not Verdict.MANUAL else ("manuel", "manuels") for verdict, words in COUNTS.items()]


def _cell(verdict: Verdict, cases: Sequence[CaseResult]) -> str:
    count = sum(case.verdict is verdict for case in cases)
    kind = "" if not count else f" {verdict}" if verdict is Verdict.FAILED else ""
    return f'<td class="n{kind if count else " zero"}">{count}</td>'


def _title(code: str) -> str:
    load()
    return next((t.title for t in transactions(Interface.DMP) if t.code == code), _OTHERS.get(code, ""))


def _anchor(name: str) -> str:
    return "c-" + "".join(c if c.isalnum() else "-" for c in name)


def _to_read(run: RunResult, verdict: Verdict, title: str) -> Iterator[str]:
    """The list of the cases somebody has to look at, each with its reason."""
    cases = [case for case in run.cases if case.verdict is verdict]
    if not cases:
        return
    yield f'<section>\n<h2>{title}</h2>\n<ul class="todo">\n'
    for case in cases:
        link = f'<a href="#{_anchor(case.id)}"><span class="id">{escape(case.id)}</span> {escape(case.title)}</a>'
        told = "".join(f"<p>{escape(reason)}</p>" for reason in case.reasons)
        yield f'<li class="{verdict}">{link}{told}</li>\n'
    yield "</ul>\n</section>\n"


def _transaction(code: str, cases: Sequence[CaseResult]) -> Iterator[str]:
    name = f'<span class="code">{escape(code)}</span>{escape(_title(code))}'
    yield f'<section class="transaction">\n<h2 id="{_anchor(code)}">{name}</h2>\n'
    for case in cases:
        yield from _case(case)
    yield "</section>\n"


def _case(case: CaseResult) -> Iterator[str]:
    opened = " open" if case.verdict is Verdict.FAILED else ""
    time = f"{case.milliseconds:.0f} ms" if case.steps else ""
    yield f'<details class="case {case.verdict}" id="{_anchor(case.id)}"{opened}>\n<summary>'
    yield f'<span class="mark {case.verdict}">{MARKS[case.verdict]}</span><span class="id">{escape(case.id)}</span>'
    yield f'<span class="title">{escape(case.title)}</span><span class="time">{time}</span></summary>\n'
    yield f'<div class="inside">\n<p class="about">{escape(_about(case))}</p>\n'
    if case.reason:
        yield f"<p>{escape(case.reason)}</p>\n"
    if case.steps:
        yield '<ol class="steps">\n'
        for step in case.steps:
            yield from _step(step)
        yield "</ol>\n"
    if case.checklist:
        items = "".join(f"<li>{escape(item)}</li>" for item in case.checklist)
        yield f'<h3>À vérifier dans le logiciel</h3>\n<ul class="checklist">{items}</ul>\n'
    yield "</div>\n</details>\n"


def _about(case: CaseResult) -> str:
    kind = "Cas de dmpws, hors du plan national" if case.own else f"Profil : {_PROFILES[Profile(case.profile)]}"
    option = f"option : {case.option}" if case.option else ""
    return " · ".join(filter(None, (kind, option, *case.references)))


def _step(step: StepResult) -> Iterator[str]:
    part = f'<span class="part">{_PARTS[step.part]}</span>' if _PARTS[step.part] else ""
    kind = "" if step.ok else ' class="bad"'
    yield f"<li{kind}>{escape(step.title)}{part}\n"
    if step.part is Part.STEP or not step.ok:
        yield f'<p class="who">{escape(step.who)} → {escape(step.patient)}</p>\n'
        yield f'<p class="answer">attendu <code>{escape(step.expected)}</code>, reçu <code>{escape(step.found)}</code>'
        yield f" en {step.milliseconds:.0f} ms</p>\n"
    if step.reasons:
        yield f'<ul class="reasons">{"".join(f"<li>{escape(reason)}</li>" for reason in step.reasons)}</ul>\n'
    for frame in step.frames:
        yield from _frame(frame)
    yield "</li>\n"


def _frame(frame: FrameResult) -> Iterator[str]:
    yield f'<details class="frame"><summary>Trames de /{escape(frame.service)}, HTTP {frame.http_status}</summary>\n'
    for title, text, attachments in (
        ("Requête", frame.request, frame.request_attachments),
        ("Réponse", frame.answer, frame.answer_attachments),
    ):
        yield f'<p class="what">{title}</p>\n'
        yield f'<pre tabindex="0" role="region" aria-label="{title}">{escape(text)}</pre>\n'
        if attachments:
            yield f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in attachments)}</ul>\n"
    yield "</details>\n"
