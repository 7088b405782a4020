"""Reading: every way of writing the same thing gives the same values."""

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from dmpws.domain.checks import Refused
from dmpws.domain.code import Code
from dmpws.vihf import token
from dmpws.vihf.token import Token, read
from dmpws.xml.parser import parse

SAML = "urn:oasis:names:tc:SAML:2.0:assertion"


def assertion(statement: str = "", before: str = "") -> Token:
    return read(
        parse(
            f'<s:Assertion xmlns:s="{SAML}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ID="_1">'
            f"{before}<s:AttributeStatement>{statement}</s:AttributeStatement></s:Assertion>".encode()
        )
    )


def attribute(name: str, *values: str) -> str:
    inside = "".join(f"<s:AttributeValue>{value}</s:AttributeValue>" for value in values)
    return f'<s:Attribute Name="{name}">{inside}</s:Attribute>'


def role(code: str, system: str, more: str = "") -> str:
    return f'<Role xmlns="urn:hl7-org:v3" code="{code}" codeSystem="{system}" displayName="x" {more}/>'


def test_both_spellings_of_the_mode() -> None:
    for name in ("Authentification_mode", "Authentification_Mode"):
        assert assertion(attribute(name, "DIRECTE")).text(token.MODE) == "DIRECTE"


def test_typed_and_untyped_values() -> None:
    typed = (
        '<s:Attribute Name="LPS_Nom"><s:AttributeValue xmlns:xs="http://www.w3.org/2001/XMLSchema"'
        ' xsi:type="xs:string"> LPS </s:AttributeValue></s:Attribute>'
    )
    assert assertion(typed).text(token.LPS_NAME) == assertion(attribute("LPS_Nom", "LPS")).text(token.LPS_NAME) == "LPS"


def test_roles_of_one_attribute_keep_their_order() -> None:
    values = [role("10", "1.2.250.1.71.1.2.7", 'xsi:type="CE"'), role("SM26", "1.2.250.1.71.4.2.5")]
    expected = (Code("10", "1.2.250.1.71.1.2.7", "x"), Code("SM26", "1.2.250.1.71.4.2.5", "x"))
    assert assertion(attribute(token.ROLE, *values)).codes(token.ROLE) == expected


def test_roles_may_come_in_several_attributes_or_one_value() -> None:
    first, second = role("10", "1"), role("SM26", "2")
    for written in (
        attribute(token.ROLE, first) + attribute(token.ROLE, second),
        attribute(token.ROLE, first + second),
    ):
        found = assertion(written)
        assert [code.code for code in found.codes(token.ROLE)] == ["10", "SM26"]
        assert found.contradicted == ()


def test_same_value_twice_is_one_value_and_two_are_a_contradiction() -> None:
    same = assertion(attribute(token.URN, "urn:dmp") * 2)
    assert (same.text(token.URN), same.contradicted) == ("urn:dmp", ())
    assert assertion(attribute(token.URN, "urn:dmp", "urn:autre")).contradicted == (token.URN,)
    both = attribute("Authentification_mode", "DIRECTE") + attribute("Authentification_Mode", "INDIRECTE")
    assert assertion(both).contradicted == (token.MODE,)


def test_a_code_may_be_written_on_the_value_itself() -> None:
    written = f'<s:Attribute Name="{token.CONFIDENTIALITY}"><s:AttributeValue code="A" codeSystem="1"/></s:Attribute>'
    assert assertion(written).code(token.CONFIDENTIALITY) == Code("A", "1")


def test_an_element_of_another_namespace_is_no_code() -> None:
    found = assertion(attribute(token.ROLE, '<Role code="10" codeSystem="1"/>'))
    assert found.codes(token.ROLE) == ()
    assert not found.has(token.ROLE)


def test_unknown_names_are_listed_and_not_read() -> None:
    found = assertion(attribute("Profession", "99"))
    assert found.unknown == ("Profession",)
    assert "Profession" not in found.attributes


def test_comments_do_not_cut_values() -> None:
    before = "<s:Subject><s:NameID>8999<!-- x -->00063480</s:NameID></s:Subject>"
    assert assertion(before=before).name_id == "899900063480"


def test_nothing_nested_speaks() -> None:
    nested = (
        f'<s:Advice><s:Assertion ID="_2"><s:Subject><s:NameID>mal</s:NameID></s:Subject>{""}</s:Assertion></s:Advice>'
    )
    found = assertion(before=nested)
    assert found.name_id == ""
    assert found.shape["NameID"] == 0


@given(st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=40))
def test_any_text_comes_back_trimmed(value: str) -> None:
    root = etree.Element(f"{{{SAML}}}Assertion")
    statement = etree.SubElement(root, f"{{{SAML}}}AttributeStatement")
    holder = etree.SubElement(statement, f"{{{SAML}}}Attribute", Name=token.LPS_NAME)
    try:
        etree.SubElement(holder, f"{{{SAML}}}AttributeValue").text = value
    except ValueError:  # a non-character XML cannot hold
        return
    assert read(parse(etree.tostring(root))).text(token.LPS_NAME) == value.strip()


@given(st.binary(max_size=200), st.integers(0, 400))
def test_damaged_octets_are_read_or_refused(noise: bytes, position: int) -> None:
    whole = (
        f'<s:Assertion xmlns:s="{SAML}"><s:Issuer>CN=A</s:Issuer><s:AttributeStatement>'
        + attribute(token.ROLE, role("10", "1"))
        + "</s:AttributeStatement></s:Assertion>"
    ).encode()
    try:
        root = parse(whole[:position] + noise + whole[position:])
    except Refused:
        return
    assert isinstance(read(root), Token)
