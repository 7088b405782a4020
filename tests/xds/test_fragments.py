"""Stored fragments give back what was submitted, in the form of the official answer (DMP-FRAME TD3.1)."""

import itertools
import re
from pathlib import Path

from lxml import etree
from xds_world import FIND, World, entries_of, lot, query

from dmpws.codec.ebxml.answers import query_response
from dmpws.codec.ebxml.fragments import attribute, content, entry_fragment
from dmpws.codec.ebxml.rim import RimObject, read_object
from dmpws.domain.checks import Report
from dmpws.xml.names import RIM
from dmpws.xml.parser import parse

COMPUTED = {"hash", "size", "repositoryUniqueId"}


def fragment(item: RimObject, uuid: str) -> etree._Element:
    """The element of an entry, as an answer carries it."""
    numbers = itertools.count()
    made = entry_fragment(
        item,
        uuid,
        hash_=item.slots.get("hash", ("0" * 40,))[0],
        size=int(item.slots.get("size", ("1",))[0]),
        repository="1.2.250.1.213.4.1.1.1.2",
        version=1,
        new_uuid=lambda: f"00000000-0000-4000-8000-{next(numbers):012d}",
    )
    opening = (
        f'<ns4:ExtrinsicObject id="{uuid}" isOpaque="false" lid="{uuid}" mimeType="text/xml" '
        f'objectType="urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1" '
        f'status="urn:oasis:names:tc:ebxml-regrep:StatusType:Approved">'
    )
    return entries_of(parse(query_response([opening.encode() + made])))[0]


def shape(element: etree._Element) -> str:
    """An element without blanks between tags and without the ids of its inner objects."""
    text = etree.tostring(element, method="c14n", exclusive=True, with_tail=False).decode()
    text = re.sub(r">\s+<", "><", text)
    return re.sub(r' id="urn:uuid:[0-9a-f-]{36}"', "", text)


def test_each_entry_of_the_official_answer_is_made_again(reference: Path) -> None:
    answer = parse((reference / "frames" / "td3.1-response.xml").read_bytes())
    entries = entries_of(answer)
    assert len(entries) == 21
    for entry in entries:
        again = fragment(read_object(entry, Report()), entry.get("id", ""))
        assert shape(again) == shape(entry)
        assert list(again.attrib) == list(entry.attrib)


def test_what_was_submitted_comes_back(world: World) -> None:
    frame = lot(
        change=[['value="Compte rendu de consultation"', 'value="&lt;R&amp;D&gt; &quot;été&quot; &#10;fin"']],
        change_document=[["<title>Compte rendu de consultation", '<title>&lt;R&amp;D&gt; "été" fin']],
    )
    world.deposit(frame)
    world.authorise("libre")
    (found,) = entries_of(world.search(query(FIND)))
    (sent,) = [e for e in entries_of(frame.body) if e.get("id") == "document"]
    back, submitted = read_object(found, Report()), read_object(sent, Report())
    assert {n: v for n, v in back.slots.items() if n not in COMPUTED} == submitted.slots
    assert back.names == submitted.names
    assert back.names[0][0] == '<R&D> "été" \nfin'
    by_scheme = sorted(
        (c.scheme, c.representation, sorted(c.slots.items()), c.names) for c in submitted.classifications
    )
    assert (
        sorted((c.scheme, c.representation, sorted(c.slots.items()), c.names) for c in back.classifications)
        == by_scheme
    )
    assert {(i.scheme, i.value) for i in back.identifiers} == {(i.scheme, i.value) for i in submitted.identifiers}


def test_the_answer_has_the_official_order_and_attributes(world: World) -> None:
    world.deposit(lot())
    world.authorise("libre")
    (entry,) = entries_of(world.search(query(FIND)))
    assert list(entry.attrib) == ["id", "isOpaque", "lid", "mimeType", "objectType", "status"]
    assert entry.get("id") == entry.get("lid")
    names = [etree.QName(child).localname for child in entry]
    assert [name for name, _ in itertools.groupby(names)] == [
        "Slot", "Name", "VersionInfo", "Classification", "ExternalIdentifier",
    ]  # fmt: skip
    slots = [s.get("name", "") for s in entry.findall(f"{{{RIM}}}Slot")]
    assert slots == sorted(slots)
    assert set(slots) >= COMPUTED
    ids = [e.get("id", "") for e in entry]
    inner = [i for i in ids if i]
    assert len(set(inner)) == len(inner) == 9
    owners = {e.get("classifiedObject") or e.get("registryObject") for e in entry} - {None}
    assert owners == {entry.get("id")}


def test_values_are_escaped() -> None:
    assert attribute('<a href="x">&\t\n\r') == "&lt;a href=&quot;x&quot;&gt;&amp;&#9;&#10;&#13;"
    assert content("a<b>&\r") == "a&lt;b&gt;&amp;&#13;"
