"""INDEX.HTM: the documents of a copy for the person they are about, by espace of the record.

XHTML without script or address outside, and a policy that lets none run: titles and names come from senders.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from dmpws.codec.xdm import layout
from dmpws.codec.xdm.content import Copied, Copy, Line, line_of
from dmpws.codec.xdm.text import shown
from dmpws.domain.rubriques import by_espace

_STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0; font: 16px/1.5 "Segoe UI", "Helvetica Neue", Arial, sans-serif; color: #1b2733; background: #f3f6f9; }
header { background: #0b4f6c; color: #fff; padding: 2rem 1.25rem; }
header > div { max-width: 59.5rem; margin: 0 auto; }
main, footer { max-width: 62rem; margin: 0 auto; }
h1 { margin: 0 0 .25rem; font-size: 1.7rem; line-height: 1.25; }
header p { margin: .15rem 0; color: #d6e6ee; }
main { padding: 1.25rem; }
nav { margin: 0 0 1.25rem; }
nav ul { list-style: none; margin: 0; padding: 0; display: flex; flex-wrap: wrap; gap: .5rem; }
nav a { display: block; padding: .35rem .8rem; border-radius: 1rem; background: #fff; border: 1px solid #c9d6df; }
section { background: #fff; border: 1px solid #dbe4ea; border-radius: .6rem; margin: 0 0 1.25rem; overflow: hidden; }
h2 { margin: 0; padding: .8rem 1.1rem; font-size: 1.15rem; color: #0b4f6c; border-bottom: 1px solid #dbe4ea; }
h2 span { color: #5b6b78; font-weight: normal; }
ul.documents { list-style: none; margin: 0; padding: 0; }
ul.documents li { display: grid; grid-template-columns: 7rem 1fr auto; gap: .25rem 1rem; padding: .8rem 1.1rem; }
ul.documents li + li { border-top: 1px solid #edf1f4; }
time { color: #5b6b78; font-variant-numeric: tabular-nums; }
h3 { margin: 0; font-size: 1rem; overflow-wrap: anywhere; }
p.about { margin: .1rem 0 0; color: #5b6b78; font-size: .9rem; overflow-wrap: anywhere; }
.state { display: inline-block; margin-left: .4rem; padding: 0 .5rem; border-radius: .8rem; font-size: .8rem;
  font-weight: normal; background: #fdf0d5; color: #7a4b00; }
.files { text-align: right; white-space: nowrap; font-size: .9rem; }
.files a + a { margin-left: .8rem; }
a { color: #0a5f8a; }
a:focus-visible { outline: 3px solid #f2a900; outline-offset: 2px; }
footer { padding: 0 1.25rem 2rem; color: #5b6b78; font-size: .9rem; }
@media (max-width: 40rem) {
  ul.documents li { grid-template-columns: 1fr; }
  .files { text-align: left; }
}
@media print { body { background: #fff; } section { break-inside: avoid; } nav { display: none; } }
"""


def index(copy: Copy, readable: Mapping[str, str]) -> Iterator[bytes]:
    """The page, piece by piece. readable: path of what a person opens, by path of the document, where there is one."""
    groups = _grouped(copy.documents)
    yield _head(copy).encode()
    if len(groups) > 1:
        links = "".join(
            f'<li><a href="#e{number}">{shown(name)}</a></li>' for number, (name, _) in enumerate(groups, 1)
        )
        yield f'<nav aria-label="Rubriques"><ul>{links}</ul></nav>\n'.encode()
    for number, (name, documents) in enumerate(groups, 1):
        yield _section(number, name, documents, readable).encode()
    if not groups:
        yield b"<section><h2>Aucun document</h2></section>\n"
    yield _foot(copy).encode()


def _grouped(documents: Iterable[Copied]) -> Sequence[tuple[str, Sequence[tuple[Copied, Line]]]]:
    """By espace in the order of the record, newest first."""
    lines = [(document, line_of(document.entry)) for document in documents]
    return list(by_espace(reversed(lines), lambda pair: pair[1].espace).items())


def _head(copy: Copy) -> str:
    name = copy.record.traits.name
    who = " ".join(filter(None, [name.prefix, name.given, name.used or name.birth]))
    count = len(copy.documents)
    title = f"{shown(copy.title)} – {shown(who)}"
    return (
        '<!DOCTYPE html>\n<html xmlns="http://www.w3.org/1999/xhtml" lang="fr" xml:lang="fr">\n<head>\n'
        '<meta charset="UTF-8"/>\n<meta name="viewport" content="width=device-width, initial-scale=1"/>\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"/>\n"
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<header><div>\n"
        f"<h1>{shown(copy.title)}</h1>\n<p><bdi>{shown(who)}</bdi>{_born(copy)}</p>\n"
        f"<p>{count} document{'s' if count > 1 else ''} – établie le {copy.made_at:%d/%m/%Y}"
        f"{' par ' + shown(copy.institution) if copy.institution else ''}</p>\n</div></header>\n<main>\n"
    )


def _born(copy: Copy) -> str:
    date = copy.record.traits.birth_date
    born = "née" if copy.record.traits.sex == "F" else "né"
    return f", {born} le {date[6:8]}/{date[4:6]}/{date[:4]}" if len(date) == 8 and date.isdigit() else ""


def _section(number: int, name: str, documents: Sequence[tuple[Copied, Line]], readable: Mapping[str, str]) -> str:
    items = "".join(_item(document, line, readable.get(document.path, "")) for document, line in documents)
    count = f"{len(documents)} document{'s' if len(documents) > 1 else ''}"
    heading = f'<h2 id="e{number}">{shown(name)} <span>({count})</span></h2>'
    return f'<section aria-labelledby="e{number}">{heading}\n<ul class="documents">\n{items}</ul></section>\n'


def _item(document: Copied, line: Line, readable: str) -> str:
    states = "".join(f'<span class="state">{shown(state)}</span>' for state in line.states)
    about = " – ".join(filter(None, [line.kind if line.kind != line.title else "", line.authors]))
    links = f'<a href="{readable or document.path}">Lire</a>'
    if readable:
        links += f'<a href="{document.path}">Original</a>'
    return (
        f"<li><time>{shown(line.day)}</time><div><h3><bdi>{shown(line.title)}</bdi>{states}</h3>"
        f'<p class="about"><bdi>{shown(about)}</bdi></p></div><div class="files">{links}</div></li>\n'
    )


def _foot(copy: Copy) -> str:
    return (
        f'</main>\n<footer><p>Comment est faite cette archive : <a href="{layout.README}">{layout.README}</a>.'
        f" {shown(copy.software)}</p></footer>\n</body>\n</html>\n"
    )
