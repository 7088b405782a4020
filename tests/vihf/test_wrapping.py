"""Signature wrapping on whole tokens: a good signature somewhere is not a good token."""

from collections.abc import Callable
from copy import deepcopy

import pytest
from lxml import etree
from vihf_desk import Desk

from dmpws.domain.checks import Refused
from dmpws.vihf import rules
from dmpws.vihf.verify import only
from dmpws.xml.parser import parse

SAML = "{urn:oasis:names:tc:SAML:2.0:assertion}"
DS = "{http://www.w3.org/2000/09/xmldsig#}"
VICTIM = "801234567897"

Attack = Callable[[etree._Element], etree._Element]


def forged(original: etree._Element, identifier: str = "_00000000-0000-4000-8000-000000000000") -> etree._Element:
    """The same token, unsigned, for somebody else."""
    evil = deepcopy(original)
    evil.remove(evil.find(f"{DS}Signature"))
    evil.set("ID", identifier)
    evil.find(f"{SAML}Subject/{SAML}NameID").text = VICTIM
    return evil


def signature_of(original: etree._Element) -> etree._Element:
    return deepcopy(original.find(f"{DS}Signature"))


def without_signature(original: etree._Element) -> etree._Element:
    bare = deepcopy(original)
    bare.remove(bare.find(f"{DS}Signature"))
    return bare


def into_object(original: etree._Element) -> etree._Element:
    """XSW 1: forged root, signature moved to it, original inside ds:Object."""
    evil, signature = forged(original), signature_of(original)
    etree.SubElement(signature, f"{DS}Object").append(without_signature(original))
    evil.insert(1, signature)
    return evil


def into_object_same_id(original: etree._Element) -> etree._Element:
    """XSW 2: as 1, and the forged root takes the signed ID."""
    evil, signature = forged(original, original.get("ID", "")), signature_of(original)
    etree.SubElement(signature, f"{DS}Object").append(without_signature(original))
    evil.insert(1, signature)
    return evil


def before_forged(original: etree._Element) -> etree._Element:
    """XSW 3: the original, signed, as first child of the forged root."""
    evil = forged(original)
    evil.insert(0, deepcopy(original))
    return evil


def inside_advice(original: etree._Element) -> etree._Element:
    """XSW 4: the original, signed, inside Advice of the forged root."""
    evil = forged(original)
    etree.SubElement(evil, f"{SAML}Advice").append(deepcopy(original))
    return evil


def copied_signature(original: etree._Element) -> etree._Element:
    """XSW 5: the signature on the forged root, the original bare in Advice."""
    evil = forged(original)
    evil.insert(1, signature_of(original))
    etree.SubElement(evil, f"{SAML}Advice").append(without_signature(original))
    return evil


def both_signed(original: etree._Element) -> etree._Element:
    """XSW 6: signature on the forged root and on the original inside it."""
    evil = forged(original)
    evil.insert(1, signature_of(original))
    etree.SubElement(evil, f"{SAML}Advice").append(deepcopy(original))
    return evil


def inside_value(original: etree._Element) -> etree._Element:
    """XSW 7: the original, signed, inside an attribute value of the forged root."""
    evil = forged(original)
    value = evil.find(f"{SAML}AttributeStatement/{SAML}Attribute/{SAML}AttributeValue")
    value.append(deepcopy(original))
    return evil


def object_outside(original: etree._Element) -> etree._Element:
    """XSW 8: the signature on the forged root, the original in an Object before it."""
    evil, signature = forged(original), signature_of(original)
    holder = etree.Element(f"{DS}Object")
    holder.append(without_signature(original))
    evil.insert(1, holder)
    evil.insert(1, signature)
    return evil


def forged_inside(original: etree._Element) -> etree._Element:
    """The forged token inside the signed one."""
    root = deepcopy(original)
    etree.SubElement(root, f"{SAML}Advice").append(forged(original))
    return root


def second_subject(original: etree._Element) -> etree._Element:
    """A second Subject before the signed one."""
    root = deepcopy(original)
    root.insert(2, forged(original).find(f"{SAML}Subject"))
    return root


def empty_reference(original: etree._Element) -> etree._Element:
    """The forged root, signed by a reference to the whole document."""
    evil, signature = forged(original), signature_of(original)
    signature.find(f".//{DS}Reference").set("URI", "")
    evil.insert(1, signature)
    return evil


def signature_elsewhere(original: etree._Element) -> etree._Element:
    """The signature inside Subject."""
    root = without_signature(original)
    root.find(f"{SAML}Subject").append(signature_of(original))
    return root


def two_signatures(original: etree._Element) -> etree._Element:
    root = deepcopy(original)
    root.insert(1, signature_of(original))
    return root


def stripped(original: etree._Element) -> etree._Element:
    """No signature any more: DIRECTE allows it, but the card then says who calls."""
    return forged(original)


ATTACKS = (
    into_object,
    into_object_same_id,
    before_forged,
    inside_advice,
    copied_signature,
    both_signed,
    inside_value,
    object_outside,
    forged_inside,
    second_subject,
    empty_reference,
    signature_elsewhere,
    two_signatures,
    stripped,
)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_refused(attack: Attack, desk: Desk) -> None:
    original = parse(desk.token())
    assert desk.judged(etree.tostring(original))[1] is not None
    report, verified = desk.judged(etree.tostring(attack(original)))
    assert verified is None
    assert not report.ok


def test_duplicate_id_inside(desk: Desk) -> None:
    root = parse(desk.token())
    root.find(f"{SAML}Subject").set("ID", root.get("ID", ""))
    report, verified = desk.judged(etree.tostring(root))
    assert verified is None
    assert report.failures[0].rule.id.startswith("SIG-")


@pytest.mark.parametrize("count", [0, 2])
def test_a_header_holds_one_assertion(count: int, desk: Desk) -> None:
    with pytest.raises(Refused) as refused:
        only([desk.token()] * count)
    assert refused.value.checks[0].rule is rules.ONE_ASSERTION
    assert refused.value.checks[0].found == str(count)


def test_one_assertion_passes_through(desk: Desk) -> None:
    octets = desk.token()
    assert only((octets,)) is octets
