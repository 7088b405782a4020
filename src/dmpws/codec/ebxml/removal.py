"""RemoveObjectsRequest (ITI TF-2 3.62.4.1.2)."""

from lxml import etree

from dmpws.domain.checks import Rule, demand
from dmpws.xml.names import RIM

NAMED = Rule("RM-NAMED", "Les objets à retirer sont nommés par ObjectRef", "ITI TF-2 3.62.4.1.2", "XDSRegistryError")


def read_removal(body: etree._Element) -> tuple[str, ...]:
    """The UUIDs of the objects to remove, lower case, each once.

    Raises Refused when there is none, or when they are named by a query or a scope.
    """
    by_query = body.find(f"{{{RIM}}}AdhocQuery") is not None or body.get("deletionScope") is not None
    demand(not by_query, NAMED, expected="ObjectRefList seul", found="AdhocQuery ou deletionScope")
    named = body.iterfind(f"{{{RIM}}}ObjectRefList/{{{RIM}}}ObjectRef")
    uuids = tuple(dict.fromkeys(reference.get("id", "").strip().lower() for reference in named))
    demand(bool(uuids), NAMED, expected="un ObjectRef", found="aucun")
    return uuids
