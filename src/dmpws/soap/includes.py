"""The xop:Include elements of a request against the parts that came with it (XOP 1.0).

In a lot, a part that is missing or too much is judged with the lot, which has codes for it (ITI TF-2 3.41.4.1.3):
see dmpws.codec.ebxml.attachments.
"""

import base64
from collections.abc import Mapping
from itertools import islice

from lxml import etree

from dmpws.domain.checks import Rule, refusal
from dmpws.domain.octets import Octets
from dmpws.xml.names import XDSB
from dmpws.xml.path import path_of
from dmpws.xml.xop import INCLUDE, content_id_of

ALONE = Rule("XOP-ALONE", "Un xop:Include est le seul contenu de son élément", "ITI TF-2 V.3.6", "DMPInvalidRequest")
MISSING = Rule("XOP-MISSING", "La partie nommée par un xop:Include est jointe", "ITI TF-2 V.3.6", "DMPInvalidRequest")
TWICE = Rule("XOP-TWICE", "Une partie n'est nommée qu'une fois", "ITI TF-2 V.3.6", "DMPInvalidRequest")
ORPHAN = Rule("XOP-ORPHAN", "Toute partie jointe est nommée par un xop:Include", "ITI TF-2 V.3.6", "DMPInvalidRequest")
IN_HEADER = Rule(
    "XOP-HEADER", "Une partie nommée dans l'en-tête SOAP a au plus 64 Ko", "DMPWS LIMITS", "DMPInvalidRequest"
)
HEADER_PART = 64 * 1024
_LOT = f"{{*}}Body/{{{XDSB}}}ProvideAndRegisterDocumentSetRequest"


def resolve_includes(root: etree._Element, parts: Mapping[str, Octets]) -> Mapping[str, Octets]:
    """Match the includes of an envelope with its parts and return the parts that the Body names; of a lot all others.

    Those of the header are put back in their place as base64: some stacks move even certificates out of a
    signature, which must be whole before it is verified. Raises Refused.
    """
    if not parts and next(root.iter(INCLUDE), None) is None:
        return parts
    left = dict(parts)
    named: dict[str, Octets] = {}
    lot = root.find(_LOT)
    # One more include than parts is enough to refuse; the tree is changed meanwhile, hence the list.
    for include in list(islice(root.iter(INCLUDE), len(parts) + 1 if lot is None else None)):
        content_id = _only_content(include)
        if content_id not in left:
            if lot is not None and content_id not in parts and not _in_header(include):
                continue
            rule = TWICE if content_id in parts else MISSING
            raise refusal(rule, expected=_shown(parts), found=include.get("href", ""), where=path_of(include))
        octets = left.pop(content_id)
        if _in_header(include):
            _put_back(include, octets)
        else:
            named[content_id] = octets
    if left and lot is None:
        raise refusal(ORPHAN, expected=_shown(named), found=_shown(left))
    return named | left


def _only_content(include: etree._Element) -> str:
    parent = include.getparent()
    texts = () if parent is None else (parent.text, include.tail)
    if parent is None or len(parent) != 1 or any(t and t.strip() for t in texts):
        raise refusal(ALONE, where=path_of(include))
    return content_id_of(include)


def _in_header(include: etree._Element) -> bool:
    *_, child, _envelope = (include, *include.iterancestors())
    return etree.QName(child).localname == "Header"


def _put_back(include: etree._Element, octets: Octets) -> None:
    if octets.size > HEADER_PART:
        raise refusal(IN_HEADER, expected=f"au plus {HEADER_PART} octets", found=f"{octets.size} octets")
    parent = include.getparent()
    assert parent is not None
    parent.remove(include)
    parent.text = base64.b64encode(octets.read()).decode("ascii")


def _shown(parts: Mapping[str, Octets]) -> str:
    return ", ".join(list(parts)[:5]) or "aucune partie"
