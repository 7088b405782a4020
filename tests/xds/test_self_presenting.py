"""Self-presenting documents: alone, without script (GI-DMP EX_2.1-1115); signed documents."""

from pathlib import Path

import pytest
from test_cda import example
from xds_world import World, errors_of, lot, placeholders, rules_of

from dmpws.codec.cda import parse_document
from dmpws.codec.self_presenting import check_self_presenting
from dmpws.domain.checks import Outcome, Report
from dmpws.xml.parser import parse

XHTML = "http://www.w3.org/1999/xhtml"


def sheet(inside: str, *, instruction: str = "#", beside: str = "") -> bytes:
    document = example().partition(b"?>")[2].decode()
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<?xml-stylesheet type="text/xsl" href="{instruction}"?>
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform" xmlns="{XHTML}">
  <data:Contenu xmlns:data="urn:asip-sante:ci-sis" xmlns="">{document}{beside}</data:Contenu>
  <xsl:template match="/"><html><body>{inside}</body></html></xsl:template>
</xsl:stylesheet>""".encode()


def rules(octets: bytes, outcome: Outcome = Outcome.FAILED) -> list[str]:
    report = Report()
    document, _ = parse_document(octets)
    check_self_presenting(document.getroottree().getroot(), report, "document")
    return [check.rule.id for check in report if check.outcome is outcome]


@pytest.mark.parametrize(
    "inside",
    [
        "<p>Bonjour</p>",
        '<a href="#suite">suite</a>',
        '<a href="#{generate-id()}">suite</a>',
        '<img src="data:image/png;base64,AAAA"/>',
        '<a href="mailto:a@b.fr">a@b.fr</a>',
        "<style>p { color: red; background: url(data:image/png;base64,AAAA) }</style>",
        "<style>p { background: url( 'data:image/png;base64,AAAA' ) } /* @import 'x' */</style>",
        """<p style='background: url("data:image/png;base64,AA//")'/>""",
        '<svg xmlns="http://www.w3.org/2000/svg"><rect fill="url(#degrade)"/></svg>',
        """<a href="{concat('mailto:', @value)}">x</a>""",
        """<img src="{//observationMedia/value}"/>""",
        '<xsl:element name="h{$level}">x</xsl:element>',
        '<xsl:text disable-output-escaping="yes">&amp;nbsp;</xsl:text>',
        """<xsl:value-of select="document('')/*"/>""",
        '<a><xsl:attribute name="href"><xsl:value-of select="@value"/></xsl:attribute></a>',
    ],
)
def test_what_is_inside_is_accepted(inside: str) -> None:
    assert rules(sheet(inside)) == []


@pytest.mark.parametrize(
    "inside",
    [
        "<script>alert(1)</script>",
        "<SCRIPT>alert(1)</SCRIPT>",
        '<script xmlns="">alert(1)</script>',
        '<xsl:element name="script">alert(1)</xsl:element>',
        '<p onclick="alert(1)"/>',
        '<p OnClick="alert(1)"/>',
        '<p><xsl:attribute name="onload">alert(1)</xsl:attribute></p>',
        '<a href="javascript:alert(1)">x</a>',
        '<a href=" JavaScript:alert(1)">x</a>',
        '<p style="width: expression(alert(1))"/>',
        '<xsl:text disable-output-escaping="yes">&lt;script&gt;alert(1)&lt;/script&gt;</xsl:text>',
        '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        '<a href="java&#9;script:alert(1)">x</a>',
        """<a href="{concat('javascript:', @x)}">x</a>""",
        '<svg xmlns="http://www.w3.org/2000/svg"><set to="javascript:alert(1)"/></svg>',
        """<xsl:element name="{'script'}">alert(1)</xsl:element>""",
        '<xsl:text disable-output-escaping="yes">&lt;img src="x" onerror="alert(1)"&gt;</xsl:text>',
        """<xsl:value-of select="'&lt;script&gt;'" disable-output-escaping="yes"/>""",
    ],
)
def test_scripts_are_refused(inside: str) -> None:
    assert set(rules(sheet(inside))) == {"CDA-SCRIPT"}


@pytest.mark.parametrize(
    "inside",
    [
        '<img src="https://example.org/i.png"/>',
        '<img src="//example.org/i.png"/>',
        '<img src="image.png"/>',
        '<a href="https://example.org/">x</a>',
        '<link rel="stylesheet" href="style.css"/>',
        '<iframe src="#"/>',
        "<video/>",
        '<meta http-equiv="Refresh" content="0; url=https://example.org"/>',
        "<style>@import 'style.css';</style>",
        "<p style=\"background: url('https://example.org/i.png')\"/>",
        '<table background="https://example.org/i.png"/>',
        '<img><xsl:attribute name="src">https://example.org/<xsl:value-of select="@id"/></xsl:attribute></img>',
        """<xsl:value-of select="document('https://example.org/x.xml')/*"/>""",
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"><image xlink:href="http://e.fr/i"/></svg>',
        '<xsl:element name="iframe"/>',
        '<img srcset="data:image/png;base64,AA 1x, https://example.org/i.png 2x"/>',
        '<a href="data:application/xhtml+xml,x">x</a>',
        '<a href="#" ping="https://example.org/">x</a>',
        """<img src="{concat('https://example.org/', @id)}"/>""",
        """<img src="{document('https://example.org/x.xml')/a}"/>""",
        """<p title="{document('https://example.org/x.xml')/a}"/>""",
        """<xsl:value-of select="document(concat('https://example.org/', @x))"/>""",
        """<img><xsl:attribute name="src"><xsl:value-of select="'//example.org/i'"/></xsl:attribute></img>""",
        '<p><xsl:attribute name="style">top: 0;<xsl:value-of select="@s"/>background: url(i.png)</xsl:attribute></p>',
        "<style><xsl:text>@import 'style.css';</xsl:text></style>",
        """<style><xsl:value-of select="'@import url(style.css)'"/></style>""",
        r"<style>@\69mport 'style.css';</style>",
        r"<p style='background: \75rl(i.png)'/>",
        "<p style='background: u/**/rl(i.png), image-set(\"i.png\" 1x)'/>",
        '<svg xmlns="http://www.w3.org/2000/svg"><rect fill="url(https://example.org/i.svg#g)"/></svg>',
        '<svg xmlns="http://www.w3.org/2000/svg"><animate attributeName="xlink:href" values="i.svg"/></svg>',
        '<xsl:processing-instruction name="xml-stylesheet">href="style.css"</xsl:processing-instruction>',
        '<xsl:text disable-output-escaping="yes">&lt;img src="https://example.org/i.png"&gt;</xsl:text>',
        '<xsl:text disable-output-escaping="yes">&lt;iframe&gt;</xsl:text>',
    ],
)
def test_what_is_outside_is_refused(inside: str) -> None:
    assert set(rules(sheet(inside))) == {"CDA-EXTERNAL"}


def test_another_style_sheet_is_refused() -> None:
    assert rules(sheet("", instruction="https://example.org/feuille.xsl")) == ["CDA-SHEET"]


def test_imports_are_refused() -> None:
    imported = sheet("").replace(b"<xsl:template", b'<xsl:import href="autre.xsl"/><xsl:template')
    assert rules(imported) == ["CDA-EXTERNAL"]


def test_what_hides_beside_the_document_is_looked_at() -> None:
    assert rules(sheet("", beside=f'<script xmlns="{XHTML}">alert(1)</script>')) == ["CDA-SCRIPT"]


def test_a_relative_document_is_a_warning() -> None:
    assert rules(sheet("""<xsl:value-of select="document('langue.xml')"/>"""), Outcome.WARNED) == ["CDA-EXTERNAL"]


def test_the_official_sample(reference: Path) -> None:
    octets = (reference / "cda/samples/BIO-CR-BIO_2021.01_Auto-Presentable.xml").read_bytes()
    assert rules(octets) == []


def test_a_deposit(world: World) -> None:
    as_sheet = [['id="document" mimeType="text/xml"', 'id="document" mimeType="application/xslt+xml"']]

    def deposit(inside: str) -> set[str]:
        values = placeholders()
        inner = example(values).partition(b"?>")[2].decode()
        document = sheet(inside).decode()
        start, end = document.index("<ClinicalDocument"), document.index("</ClinicalDocument>")
        document = document[:start] + inner.strip() + document[end + len("</ClinicalDocument>") :]
        return rules_of(world.deposit(lot(values, document=document.encode(), change=as_sheet)))

    assert deposit("<p/>") == set()
    assert deposit("<script/>") == {"CDA-SCRIPT"}


def test_a_signed_document_is_left_alone(world: World) -> None:
    values = placeholders()
    inner = example(values).partition(b"?>")[2].decode()
    signed = f"""<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo/><ds:SignatureValue/>
<ds:Object>{inner}</ds:Object></ds:Signature>""".encode()
    assert errors_of(world.deposit(lot(values, document=signed))) == []
    with world.store.read() as work:
        (entry,) = work.documents.by_unique_id([values["document_unique_id"]])
        assert work.documents.octets(entry).read() == signed
    twice = signed.replace(b"</ds:Object>", b"</ds:Object><ds:Object>" + inner.encode() + b"</ds:Object>")
    assert rules_of(world.deposit(lot(document=twice))) == {"CDA-ROOT"}
    assert parse(signed).tag.endswith("Signature")
