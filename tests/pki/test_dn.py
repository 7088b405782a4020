"""Distinguished names: every rendering real tokens show, round trips, comparison."""

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from dmpws.pki.dn import GIVEN_NAME, SURNAME, TITLE, Dn

DOCTOR = Dn(
    (
        (("2.5.4.42", "MAX"), ("2.5.4.3", "899900063480"), ("2.5.4.4", "LIBRE")),
        (("2.5.4.12", "Médecin"),),
        (("2.5.4.6", "FR"),),
    )
)


def organisation(common_name: str, unit: str, name: str, state: str) -> Dn:
    pairs = (
        ("2.5.4.3", common_name),
        ("2.5.4.11", unit),
        ("2.5.4.10", name),
        ("2.5.4.8", state),
        ("2.5.4.6", "FR"),
    )
    return Dn(tuple((pair,) for pair in pairs))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # no spaces (official INDIRECTE frame)
        (
            "CN=serviceps.sesam-vitale.fr,OU=339172288100052,O=GIE SESAM VITALE,ST=Sarthe (72),C=FR",
            organisation("serviceps.sesam-vitale.fr", "339172288100052", "GIE SESAM VITALE", "Sarthe (72)"),
        ),
        # spaces after the commas
        (
            "CN=devbox-sante dmp, OU=11B0062640, O=HOPITAL DES 3. DAMES, ST=Paris (75), C=FR",
            organisation("devbox-sante dmp", "11B0062640", "HOPITAL DES 3. DAMES", "Paris (75)"),
        ),
        # multi-valued RDN with spaces around the plus signs
        ("GIVENNAME=MAX + CN=899900063480 + SURNAME=LIBRE, T=Médecin, C=FR", DOCTOR),
        # the same as OpenSSL and .NET write it
        ("GN=MAX+CN=899900063480+SN=LIBRE,title=M\\C3\\A9decin,C=FR", DOCTOR),
        ("G=MAX + CN=899900063480 + SN=LIBRE; T=Médecin; C=FR", DOCTOR),
        ('OID.2.5.4.42=MAX+CN="899900063480"+2.5.4.4=#0c054c49425245,T=Médecin,C=FR', DOCTOR),
        # OID and hex of a TeletexString, mangled accent (official DIRECTE frames)
        (
            "CN=899900038839+2.5.4.4=#14045452414c+2.5.4.42=#14064144454d4953,OU=M?decin,O=TEST,C=FR",
            Dn(
                (
                    (("2.5.4.3", "899900038839"), ("2.5.4.4", "TRAL"), ("2.5.4.42", "ADEMIS")),
                    (("2.5.4.11", "M?decin"),),
                    (("2.5.4.10", "TEST"),),
                    (("2.5.4.6", "FR"),),
                )
            ),
        ),
    ],
)
def test_each_rendering_of_the_frames_is_read(text: str, expected: Dn) -> None:
    assert Dn.parse(text) == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("CN=a\\,b", "a,b"),
        ("CN=a\\2Cb", "a,b"),
        ('CN="a,b + c"', "a,b + c"),
        ('CN="a\\"b"', 'a"b'),
        ("CN=\\#x", "#x"),
        ("CN=\\ a\\ ", " a "),
        ("CN=  a  ", "a"),
        ("\n  CN = a\n", "a"),
        ("CN=a=b", "a=b"),
        ("CN=", ""),
        ("CN=#1e0400e90062", "éb"),  # BMPString
        ("CN=#0c8103616263", "abc"),  # length in the long form
        ("CN=a\\\\", "a\\"),
    ],
)
def test_escapes(text: str, value: str) -> None:
    assert Dn.parse(text).common_name == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "CN",
        "CN=a,",
        "CN=a,,C=FR",
        "=a",
        "NOPE=a",
        "1.2.3x=a",
        'CN="a',
        'CN="a"b',
        "CN=a\\",
        "CN=#",
        "CN=#0c",
        "CN=#0cff61",
        "CN=#zz",
        "CN=#0c0161ff",
        "CN=#020101",
        "CN=\\FF",
        "CN=" + "a" * 5000,
    ],
)
def test_what_is_not_a_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"nom distinctif|hexadécimale"):
        Dn.parse(text)


@given(st.text(max_size=80))
def test_parse_never_fails_otherwise(text: str) -> None:
    try:
        parsed = Dn.parse(text)
    except ValueError:
        return
    assert Dn.parse(str(parsed)) == parsed


oids = st.sampled_from(["2.5.4.3", "2.5.4.4", "2.5.4.42", "2.5.4.12", "1.2.250.1.71.4.2.1", "2.5.4.6"])
values = st.text(st.one_of(st.sampled_from(' #,+"\\<>;=?é\t\r\n\0'), st.characters(codec="utf-8")), max_size=12)
names = st.lists(st.lists(st.tuples(oids, values), min_size=1, max_size=3), min_size=1, max_size=5).map(
    lambda rdns: Dn(tuple(tuple(rdn) for rdn in rdns))
)


@given(names)
def test_writing_and_reading_gives_the_same_name(dn: Dn) -> None:
    assert Dn.parse(str(dn)) == dn
    assert dn.matches(Dn.parse(str(dn)))


@given(names, st.randoms(use_true_random=False))
def test_order_and_grouping_do_not_count(dn: Dn, random: object) -> None:
    attributes = list(dn.attributes)
    random.shuffle(attributes)  # type: ignore[attr-defined]
    assert dn.matches(Dn(tuple((attribute,) for attribute in attributes)))


def test_of_a_certificate_name_is_in_the_order_of_the_text() -> None:
    name = x509.Name(
        [
            x509.RelativeDistinguishedName([x509.NameAttribute(NameOID.COUNTRY_NAME, "FR")]),
            x509.RelativeDistinguishedName([x509.NameAttribute(NameOID.TITLE, "Médecin")]),
            x509.RelativeDistinguishedName(
                [
                    x509.NameAttribute(NameOID.GIVEN_NAME, "MAX"),
                    x509.NameAttribute(NameOID.COMMON_NAME, "899900063480"),
                    x509.NameAttribute(NameOID.SURNAME, "LIBRE"),
                ]
            ),
        ]
    )
    dn = Dn.of(name)
    assert dn.matches(DOCTOR)
    assert str(dn).endswith(",T=Médecin,C=FR")
    assert dn.first(GIVEN_NAME) == "MAX"
    assert Dn.parse(name.rfc4514_string()).matches(dn)


def test_a_value_that_is_no_string_is_shown_in_hexadecimal() -> None:
    attribute = x509.NameAttribute(NameOID.X500_UNIQUE_IDENTIFIER, b"\x01\x02", _type=x509.name._ASN1Type.BitString)
    assert Dn.of(x509.Name([attribute])).attributes == (("2.5.4.45", "0102"),)


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("CN=899900038839,OU=M?decin,C=FR", "CN=899900038839,OU=Médecin,C=FR", True),
        ("CN=1,OU=M\ufffddecin,C=FR", "CN=1,OU=Médecin,C=FR", True),
        ("CN=1,OU=Me\u0301decin,C=FR", "CN=1,OU=Médecin,C=FR", True),
        ("CN=1,OU=M?decin,C=FR", "CN=1,OU=Madecin,C=FR", False),
        ("CN=1?", "CN=12", False),
        ("CN=1?", "CN=1", False),
        ("CN=1,O=Hôpital  des 3 Vallées", "CN=1,O=HÔPITAL DES 3 VALLÉES", True),
        ("CN=1,O=a", "CN=1,O=a,O=a", False),
        ("CN=1,O=a,O=b", "CN=1,O=a,O=a", False),
        ("CN=1,OU=a", "CN=1,O=a", False),
        ("CN=1+O=a", "O=a,CN=1", True),
        ("CN=1", "CN=1,C=FR", False),
    ],
)
def test_comparison(left: str, right: str, same: bool) -> None:
    assert Dn.parse(left).matches(Dn.parse(right)) is same
    assert Dn.parse(right).matches(Dn.parse(left)) is same


def test_shortcuts() -> None:
    dn = Dn.parse("CN=a+SURNAME=b,OU=c,OU=d")
    assert (dn.common_name, dn.organisational_unit, dn.first(SURNAME), dn.first(TITLE)) == ("a", "c", "b", "")
    assert str(dn) == "CN=a+SURNAME=b,OU=c,OU=d"
    assert len({dn, Dn.parse("CN=a + SN=b, OU=c, OU=d")}) == 1
