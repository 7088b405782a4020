"""Fragments as they are stored: small, and open for ever."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmpws.store.encryption import OctetsDamaged, Plain
from dmpws.store.rows import pack, unpack

FRAGMENT = b"<ns4:Slot/></ns4:ExtrinsicObject>"
STORED = {
    "without the dictionary": "789cb3c92b36b10acec92fd1b7b3d107b15d2b4a8a32f38a3393fd93b252934bec00bdb70ba3",
    "with it": "68bf02a3036f8367357d1c0a00bdb70ba3",
}


@given(st.binary() | st.binary().map(lambda octets: octets * 1000))
def test_what_is_packed_opens(octets: bytes) -> None:
    assert unpack(pack(octets, "x", Plain()), "x", Plain()) == octets


@pytest.mark.parametrize("how", STORED)
def test_what_was_stored_opens_for_ever(how: str) -> None:
    assert unpack(Plain().seal(bytes.fromhex(STORED[how]), "x"), "x", Plain()) == FRAGMENT


def test_what_fragments_have_in_common_takes_no_room() -> None:
    usual = (
        b'<ns4:Slot name="repositoryUniqueId"><ns4:ValueList><ns4:Value>1.2.3</ns4:Value></ns4:ValueList></ns4:Slot>'
    )
    assert len(pack(usual, "x", Plain())) < len(usual) / 4


@pytest.mark.parametrize(
    "stored",
    [
        b"",
        bytes.fromhex(STORED["with it"])[:-1],
        bytes.fromhex(STORED["with it"])[:-1] + b"\0",
        b"\x68\xbf\0\0\0\0" + bytes.fromhex(STORED["with it"])[6:],
        zlib.compress(FRAGMENT)[:-4],
        FRAGMENT,
    ],
    ids=["nothing", "cut", "changed", "another dictionary", "no checksum", "not packed"],
)
def test_what_is_damaged_is_said(stored: bytes) -> None:
    with pytest.raises(OctetsDamaged, match="does not open: x"):
        unpack(Plain().seal(stored, "x"), "x", Plain())
