"""Canonical forms, and documents made to be slow to canonicalise."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from dmpws.domain.checks import Refused
from dmpws.signature.canonical import canonical, document_digest, parse_signed
from dmpws.xml.parser import XmlLimits

LIMITS = XmlLimits()


def declared(number: int, uri: str = "urn:") -> str:
    return " ".join(f"xmlns:p{i}='{uri}{i}'" for i in range(number))


def slow(levels: int, declarations: int, leaves: int) -> str:
    """`declarations` of namespaces on each of `levels` nested elements, around `leaves` small ones."""
    opening = "".join(f"<a {declared(declarations, f'urn:{level}.')}>" for level in range(levels))
    return opening + "<b/>" * leaves + "</a>" * levels


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-7", "iso-8859-15"])
@pytest.mark.parametrize("text", [slow(1, 3000, 3000), slow(40, 50, 3000), slow(90, 90, 200)], ids=str.__len__)
def test_slow_documents_are_refused_in_any_encoding(encoding: str, text: str) -> None:
    if encoding == "utf-7":  # hide the declarations from whoever counts octets
        text = text.replace("xmlns", "+AHgAbQBsAG4Acw-")
        octets = f'<?xml version="1.0" encoding="{encoding}"?>{text}'.encode("ascii")
    else:
        octets = f'<?xml version="1.0" encoding="{encoding}"?>{text}'.encode(encoding)
    with pytest.raises(Refused) as caught:
        parse_signed(octets, LIMITS)
    assert caught.value.checks[0].rule.id == ("XML-ENCODING" if encoding == "utf-7" else "XML-C14N")


@pytest.mark.parametrize(("encoding", "rule"), [("utf-16", "XML-C14N"), ("utf-32", "XML-ENCODING")])
def test_slow_documents_that_do_not_declare_their_encoding_are_refused(encoding: str, rule: str) -> None:
    """libxml2 recognises them by their first octets, and says afterwards that they were UTF-8."""
    with pytest.raises(Refused) as caught:
        parse_signed(slow(1, 3000, 3000).encode(encoding), LIMITS)
    assert caught.value.checks[0].rule.id == rule


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_an_element_with_very_many_attributes_is_refused(encoding: str) -> None:
    attributes = " ".join(f"a{i}=''" for i in range(20_000))
    text = f"<a {attributes}/>"
    with pytest.raises(Refused) as caught:
        parse_signed(text.encode(encoding), LIMITS)
    assert "256 attributs" in caught.value.message


def test_what_is_just_let_in_is_canonicalised() -> None:
    """Just under the budget: 50 declarations in scope of 40,000 elements."""
    root = parse_signed(slow(1, 50, 39_000).encode(), LIMITS)
    octets = etree.tostring(root, method="c14n", exclusive=False, with_comments=True)
    assert document_digest(root, "sha256", comments=True) == hashlib.sha256(octets).digest()


def test_real_documents_are_let_in() -> None:
    cells = b"<td xmlns:x='urn:x' a='1'>=</td>" * 20_000
    parse_signed(b"<table>" + cells + b"</table>", LIMITS)
    parse_signed(f"<a {declared(60)}>{'<b/>' * 5000}</a>".encode(), LIMITS)


def test_digest_is_that_of_the_canonical_form_with_and_without_comments() -> None:
    root = parse_signed(b"<?p i?><!--1--><a b='1'><!--2-->\r\n</a><!--3-->", LIMITS)
    with_comments = b'<?p i?>\n<!--1-->\n<a b="1"><!--2-->\n</a>\n<!--3-->'
    without = b'<?p i?>\n<a b="1">\n</a>'
    for comments, form in ((True, with_comments), (False, without)):
        for algorithm in ("sha256", "sha1"):
            expected = hashlib.new(algorithm, form).digest()
            assert document_digest(root, algorithm, comments=comments) == expected


def test_an_element_takes_what_it_inherits_into_its_canonical_form() -> None:
    root = etree.fromstring('<a xmlns="urn:d" xmlns:u="urn:u" xml:lang="fr"><b xml:lang="en"><c><d/></c></b>tail</a>')
    expected = b'<c xmlns="urn:d" xmlns:u="urn:u" xml:lang="en"><d></d></c>'
    assert canonical(root[0][0]) == expected
    assert canonical(etree.fromstring('<a xmlns="urn:d"><b xmlns=""><c/></b></a>')[0]) == b"<b><c></c></b>"


def test_relative_namespaces_have_no_canonical_form() -> None:
    root = parse_signed(b"<a xmlns='relative'/>", LIMITS)
    for act in (lambda: canonical(root), lambda: document_digest(root, "sha256", comments=True)):
        with pytest.raises(Refused) as caught:
            act()
        assert caught.value.checks[0].rule.id == "XML-C14N-URI"


NAMES = st.sampled_from(["a", "b", "p:a", "q:b"])
ELEMENTS = st.recursive(
    st.builds(lambda n, t: f"<{n}>{t}</{n}>", NAMES, st.sampled_from(["", "x", "&#13;", "&lt;", "é"])),
    lambda inner: st.builds(
        lambda n, attributes, children: f"<{n}{attributes}>{''.join(children)}</{n}>",
        NAMES,
        st.sampled_from(["", " xmlns='urn:d'", " xmlns=''", " xmlns:p='urn:other'", " z='1' y='2'", " p:z='&#9;'"]),
        st.lists(inner, max_size=3),
    ),
    max_leaves=8,
)


@settings(max_examples=80)
@given(ELEMENTS)
def test_canonical_forms_are_stable(inside: str) -> None:
    """C14N of a canonical form is itself, for every element, wherever it stood."""
    root = etree.fromstring(f"<r xmlns='urn:r' xmlns:p='urn:p' xmlns:q='urn:q'>{inside}</r>")
    for element in root.iter(etree.Element):
        form = canonical(element)
        assert canonical(etree.fromstring(form)) == form
        assert etree.fromstring(form).tag == element.tag
