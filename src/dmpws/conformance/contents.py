"""The predicates about what a message asks for, and about the documents it brings, reads or changes."""

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from dmpws.cast import PATIENTS
from dmpws.codec.ebxml.query import split_values
from dmpws.codec.ebxml.query_forms import FORMS
from dmpws.conformance.predicates import Miss, Setting, either, is_flag, is_text, listed, predicate, table_of, words
from dmpws.conformance.seen import Seen
from dmpws.domain.document import VISIBILITIES, Status
from dmpws.domain.media import JPEG, PDF, RTF, TEXT, TIFF
from dmpws.domain.names import spelling

NONE = "none"


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


# What is asked


@predicate(table_of(action=words("AJOUT", "SUPPRESSION", "MODIFICATION"), treating_doctor=is_flag))
def asked(seen: Seen, wanted: Any, _: Setting) -> Miss | None:
    """The action of TD0.3 or TD1.5b."""
    if "action" in wanted and seen.fact("asked", "action") != wanted["action"]:
        return Miss(f"l'action {wanted['action']}", f"l'action est {seen.fact('asked', 'action') or 'inconnue'}")
    if "treating_doctor" in wanted and seen.fact("asked", "treating_doctor", None) is not wanted["treating_doctor"]:
        said = "avec" if wanted["treating_doctor"] else "sans"
        return Miss(f"l'action {said} le rôle MEDECIN_TRAITANT", "le message dit le contraire")
    return None


@predicate(lambda value: isinstance(value, dict) and all(isinstance(one, str) for one in value.values()))
def parameters(seen: Seen, wanted: Any, _: Setting) -> Miss | None:
    """Values of the message, such as the `mode` of TD1.6 or the `dateType` of TD0.4; `*`: any, but there."""
    for name, value in wanted.items():
        found = [one for one in seen.parameters.get(name, ()) if one]
        if not (value in found or (value == "*" and found)):
            return Miss(f"{name} = {value}" if value != "*" else name, f"{name} = {either(found) if found else 'rien'}")
    return None


_QUERIES = {form.name: identifier for identifier, form in FORMS.items()}


@predicate(words(*_QUERIES))
def query(seen: Seen, wanted: Any, _: Setting) -> Miss | None:
    """The stored query, by its name in ITI-18."""
    form = FORMS.get(seen.facts.get("query", ""))
    if form is not None and form.name in listed(wanted):
        return None
    return Miss(f"la requête {either(listed(wanted))}", f"c'est {form.name}" if form else "c'est une autre recherche")


@predicate(words("ObjectRef", "LeafClass"))
def return_type(seen: Seen, wanted: Any, _: Setting) -> Miss | None:
    """`LeafClass` or `ObjectRef`."""
    found = seen.fact("asked", "return_type")
    return None if found == wanted else Miss(f"returnType={wanted}", f"returnType={found or 'inconnu'}")


_STATUSES = {status.name: status.value for status in Status}


@predicate(words(*_STATUSES))
def status(seen: Seen, wanted: Any, _: Setting) -> Miss | None:
    """A search asks for documents of this status."""
    found = _statuses_asked(seen)
    if any(_STATUSES[one] in found for one in listed(wanted)):
        return None
    expected = f"$XDSDocumentEntryStatus avec {either(_STATUSES[one].rpartition(':')[2] for one in listed(wanted))}"
    shown = either(sorted(one.rpartition(":")[2] for one in found)) if found else "rien"
    return Miss(expected, f"la recherche demande {shown}")


@predicate(words(*_STATUSES))
def only_status(seen: Seen, wanted: Any, _: Setting) -> Miss | None:
    """A search asks for documents of no other status."""
    found = _statuses_asked(seen)
    if found == {_STATUSES[one] for one in listed(wanted)}:
        return None
    shown = either(sorted(one.rpartition(":")[2] for one in found)) if found else "rien"
    return Miss(f"le seul statut {either(listed(wanted))}", f"la recherche demande {shown}")


def _statuses_asked(seen: Seen) -> set[str]:
    given = (one for name, values in seen.parameters.items() if name.endswith("Status") for one in values)
    return {value for one in given for value in _split(one)}


def _split(value: str) -> Sequence[str]:
    try:
        return split_values(value)
    except ValueError:
        return [value]


_CRITERIA = {
    "TypeCode": "le type de document (typeCode)",
    "ClassCode": "la classe (classCode)",
    "FormatCode": "le format (formatCode)",
    "ConfidentialityCode": "la visibilité (confidentialityCode)",
    "AuthorPerson": "l'auteur (authorPerson)",
    "ServiceStartTime": "la date de l'acte (serviceStartTime)",
    "CreationTime": "la date de création (creationTime)",
    "SubmissionTime": "la date de soumission (submissionTime)",
    "ReferenceIdList": "la référence (referenceIdList)",
    "family": "le nom",
    "given": "le prénom",
    "birth": "la date de naissance",
    "sex": "le sexe",
    "postal_code": "le code postal",
    "city": "la ville",
}
_HOW = {
    "one": "une seule valeur",
    "several": "plusieurs valeurs",
    "exact": "",
    "like": "avec un joker %",
    "similar": "approchant",
    "from": "depuis une date",
    "to": "jusqu'à une date",
    "between": "entre deux dates",
    "any": "",
}
_PREFIXES = ("$XDSDocumentEntry", "$XDSSubmissionSet", "$XDSFolder")
_NO_CRITERION = frozenset({"PatientId", "Status", "Type", "UniqueId", "EntryUUID", "UUID", "similar", "found"})


@predicate(lambda value: isinstance(value, dict) and all(k in _CRITERIA and words(*_HOW)(v) for k, v in value.items()))
def criteria(seen: Seen, wanted: Any, _: Setting) -> Miss | None:
    """A search has exactly these criteria, each used in these ways; `{}`: no criterion at all."""
    found = _criteria(seen)
    if found.keys() == wanted.keys() and all(
        {"any", *found[name]}.issuperset(listed(how)) for name, how in wanted.items()
    ):
        return None
    used = {name: list(ways) for name, ways in found.items()}
    return Miss(f"une recherche {_words(wanted)}", f"celle-ci est {_words(used)}")


def _words(asked_for: Mapping[str, Any]) -> str:
    if not asked_for:
        return "sans critère"
    named = (
        ", ".join(filter(None, (_CRITERIA.get(name, name), *(_HOW[one] for one in listed(how)))))
        for name, how in asked_for.items()
    )
    return "sur " + " et ".join(named)


def _criteria(seen: Seen) -> Mapping[str, tuple[str, ...]]:
    """The criteria of a search, and in which ways each is used, the most telling first."""
    found: dict[str, tuple[str, ...]] = {}
    times: dict[str, set[str]] = {}
    similar = seen.parameters.get("similar", ())
    for name, values in seen.parameters.items():
        short = next((name.removeprefix(prefix) for prefix in _PREFIXES if name.startswith(prefix)), name)
        if short in _NO_CRITERION or short.startswith("$"):
            continue
        if short.endswith(("From", "To")) and short.removesuffix("From").removesuffix("To").endswith("Time"):
            side = "from" if short.endswith("From") else "to"
            times.setdefault(short.removesuffix("From").removesuffix("To"), set()).add(side)
            continue
        given = [one for value in values for one in _split(value)]
        ways = ["several" if len(given) > 1 else "one", "like" if any("%" in one for one in given) else "exact"]
        if short in ("family", "given") and "similar_name" in similar:
            ways = ["similar"]
        found[short] = tuple(ways)
    for name, sides in times.items():
        found[name] = ("between" if len(sides) > 1 else next(iter(sides)),)
    return found


@predicate(lambda value: isinstance(value, dict) and all(k in _CRITERIA and is_text(v) for k, v in value.items()))
def values(seen: Seen, wanted: Any, _: Setting) -> Miss | None:
    """A search names these codes."""
    for name, codes in wanted.items():
        given = (value for prefix in _PREFIXES for value in seen.parameters.get(prefix + name, ()))
        told = {one.partition("^")[0] for value in given for one in _split(value)}
        if told.isdisjoint(listed(codes)):
            found = either(sorted(told)) if told else "rien"
            return Miss(f"{_CRITERIA[name]} = {either(listed(codes))}", f"la recherche demande {found}")
    return None


@predicate(is_flag)
def known_name(seen: Seen, wanted: Any, _: Setting) -> Miss | None:
    """The name that is searched (TD0.5) is one of a patient of the plan."""
    told = {spelling(name) for name in seen.parameters.get("family", ()) if name}
    people = {spelling(name) for p in PATIENTS.values() for name in (p.traits.name.birth, p.traits.name.used) if name}
    if bool(told & people) is wanted:
        return None
    expected = "le nom d'un patient du plan qui n'a pas de DMP" if wanted else "un nom que personne ne porte"
    return Miss(expected, "un patient du plan porte ce nom" if told & people else "personne ne porte ce nom")


@predicate(table_of(at_least=_is_number, exactly=_is_number))
def found(seen: Seen, wanted: Any, _: Setting) -> Miss | None:
    """How many objects, records or patients the answer holds."""
    count = _found(seen)
    if "exactly" in wanted and count != wanted["exactly"]:
        return Miss(f"{wanted['exactly'] or 'aucun'} résultat", f"il y en a {count}")
    if "at_least" in wanted and (count or 0) < wanted["at_least"]:
        return Miss(f"au moins {wanted['at_least']} résultat", f"il y en a {count or 0}")
    return None


def _found(seen: Seen) -> int | None:
    """TD0.4 and TD1.6 tell the number, TD0.5 whom it found."""
    if (counted := seen.fact("answered", "objects", None)) is not None:
        return int(counted)
    told = seen.parameters.get("found")
    if told is None:
        return None
    return int(told[0]) if len(told) == 1 and told[0].isdigit() else len(told)


# Documents

_MEDIA = {
    "urn:ihe:iti:xds-sd:pdf:2008": PDF,
    "urn:ihe:iti:xds-sd:text:2008": TEXT,
    "urn:ihe:iti-fr:xds-sd:rtf:2010": RTF,
    "urn:ihe:iti-fr:xds-sd:jpeg:2010": JPEG,
    "urn:ihe:iti-fr:xds-sd:tiff:2010": TIFF,
}
"""What a level 1 document holds, by its formatCode (JDV_J60)."""
_BEYOND = {"comments", "serviceStopTime", "eventCodeList"}
"""Metadata a document can do without; sourcePatientInfo is sent by most clients, referenceIdList with images only."""

Entry = Mapping[str, Any]
Trait = tuple[Callable[[Any], bool], Callable[[Entry, Any], bool], Callable[[Any], str], Callable[[Entry], str]]
"""What its argument may be; whether a document has it; what is expected, and what the document is, in French."""


def _type_fits(entry: Entry, wanted: Any) -> bool:
    return any(fnmatchcase(entry["type"], pattern) for pattern in listed(wanted))


def _media_of(entry: Entry) -> str:
    return _MEDIA.get(entry["format"], "")


def _is_self_presenting(entry: Entry) -> bool:
    return bool(entry.get("self_presenting")) or entry["mime"] == "application/xslt+xml"


def _is_structured(entry: Entry) -> bool:
    return entry["mime"] in ("text/xml", "application/xslt+xml") and not _media_of(entry)


def _visibility(entry: Entry) -> str:
    return ", ".join(entry["visibility"]) or "visible de tous"


def _flag(yes: str, no: str, holds: Callable[[Entry], bool]) -> Trait:
    return (
        is_flag,
        lambda entry, wanted: holds(entry) is wanted,
        lambda wanted: yes if wanted else no,
        lambda entry: yes if holds(entry) else no,
    )


_TRAITS: Mapping[str, Trait] = {
    "type": (is_text, _type_fits, lambda w: f"de type {either(listed(w))}", lambda e: f"de type {e['type']}"),
    "media": (
        is_text,
        lambda e, w: _media_of(e) in listed(w),
        lambda w: f"au format {either(listed(w))}",
        lambda e: f"au format {_media_of(e) or e['format']}",
    ),
    "structured": _flag("structuré", "non structuré", _is_structured),
    "self_presenting": _flag("auto-présentable", "non auto-présentable", _is_self_presenting),
    "file": (
        is_text,
        lambda e, w: any(one in e.get("files", ()) for one in listed(w)),
        lambda w: f"avec une copie {either(listed(w))}",
        lambda e: f"avec {either(e['files'])}" if e.get("files") else "sans copie",
    ),
    "visibility": (
        words(NONE, *sorted(VISIBILITIES)),
        lambda e, w: not e["visibility"] if w == NONE else w in e["visibility"],
        lambda w: "visible de tous" if w == NONE else str(w),
        _visibility,
    ),
    "status": (
        words(*_STATUSES),
        lambda e, w: e.get("status") in listed(w),
        lambda w: f"de statut {either(listed(w))}",
        lambda e: f"de statut {e.get('status', 'nouveau')}",
    ),
    "by_caller": _flag("de l'utilisateur", "d'un autre que l'utilisateur", lambda e: bool(e["by_caller"])),
    "deposited_by_caller": _flag(
        "déposé par l'utilisateur", "déposé par un autre", lambda e: bool(e.get("deposited_by_caller"))
    ),
    "by_structure": _flag("de sa structure", "d'une autre structure", lambda e: bool(e["by_structure"])),
    "references": _flag("avec une référence", "sans référence", lambda e: bool(e["references"])),
    "complete": (
        is_flag,
        lambda e, w: bool(_BEYOND.intersection(e["optional"])) is w,
        lambda w: "avec ses métadonnées facultatives" if w else "avec les seules métadonnées obligatoires",
        lambda e: f"avec {', '.join(sorted(_BEYOND.intersection(e['optional']))) or 'les seules obligatoires'}",
    ),
}


def _check_document(value: Any) -> bool:
    return table_of(**{name: trait[0] for name, trait in _TRAITS.items()})(value)


def _one_of(entries: Sequence[Entry], wanted: Mapping[str, Any], what: str) -> Miss | None:
    """One document that has all these traits."""
    expected = f"{what} {', '.join(_TRAITS[name][2](value) for name, value in wanted.items())}"
    if not entries:
        return Miss(expected, "cet appel n'en a aucun de connu")
    lacking = [[name for name, value in wanted.items() if not _TRAITS[name][1](entry, value)] for entry in entries]
    names = min(lacking, key=len)
    nearest = entries[lacking.index(names)]
    if not names:
        return None
    return Miss(expected, f"celui-ci est {', '.join(_TRAITS[name][3](nearest) for name in names)}")


@predicate(_check_document)
def document(seen: Seen, wanted: Any, _: Setting) -> Miss | None:
    """One of the documents deposited, read or changed is like this, as it was before the call."""
    return _one_of(seen.entries, wanted, "un document")


@predicate(_check_document)
def replaces(seen: Seen, wanted: Any, _: Setting) -> Miss | None:
    """The lot replaces a document that is like this."""
    if not seen.replaced:
        return Miss("un remplacement (association RPLC)", "ce lot ne remplace aucun document connu")
    return _one_of(seen.replaced, wanted, "le remplacement d'un document")


@predicate(is_flag)
def replacement(seen: Seen, wanted: Any, _: Setting) -> Miss | None:
    """The lot replaces a document, or none."""
    if bool(seen.replaced) is wanted:
        return None
    said = ("un remplacement (association RPLC)", "un document nouveau")
    found = ("ce lot remplace un document", "ce lot ne remplace aucun document connu")
    return Miss(said[not wanted], found[wanted])


@predicate(table_of(at_least=_is_number, exactly=_is_number))
def documents(seen: Seen, wanted: Any, _: Setting) -> Miss | None:
    """How many documents, signatures left out."""
    count = len(seen.entries)
    if count < wanted.get("at_least", 0) or ("exactly" in wanted and count != wanted["exactly"]):
        least = f"au moins {wanted['at_least']}" if "at_least" in wanted else str(wanted["exactly"])
        return Miss(f"{least} documents dans le même lot", f"il y en a {count}")
    return None


@predicate(table_of(old=is_text, new=is_text, added=is_text, removed=is_text))
def changed(seen: Seen, wanted: Any, _: Setting) -> Miss | None:
    """One of the changes goes from one status to another, or adds or takes away a visibility code."""
    if any(_changes(change, wanted) for change in seen.changes):
        return None
    shown = "; ".join(f"{c.get('old') or 'rien'} → {c.get('new') or 'rien'}" for c in seen.changes if "uniqueId" in c)
    return Miss(_change_words(wanted), f"cet appel change {shown}" if shown else "cet appel n'a rien changé")


def _changes(change: Mapping[str, Any], wanted: Mapping[str, str]) -> bool:
    old, new = str(change.get("old", "")), str(change.get("new", ""))
    before, after = set(old.split(", ")), set(new.split(", "))
    return (
        wanted.get("old", old) == old
        and wanted.get("new", new) == new
        and ("added" not in wanted or wanted["added"] in after - before)
        and ("removed" not in wanted or wanted["removed"] in before - after)
    )


def _change_words(wanted: Mapping[str, str]) -> str:
    said = [f"l'ajout de {wanted['added']}"] if "added" in wanted else []
    said += [f"le retrait de {wanted['removed']}"] if "removed" in wanted else []
    if "old" in wanted or "new" in wanted:
        said.append(f"le passage de {wanted.get('old', 'tout statut')} à {wanted.get('new', 'tout statut')}")
    return " et ".join(said)


@predicate(is_text)
def of(seen: Seen, wanted: Any, setting: Setting) -> Miss | None:
    """A document of an earlier exchange of the same attempt."""
    earlier = setting.before.get(wanted)
    if earlier is not None and seen.documents & earlier.documents:
        return None
    return Miss(f"un document de « {wanted} »", "celui-ci est un autre")
