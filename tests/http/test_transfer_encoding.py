"""Content-Transfer-Encoding undone in pieces of any size."""

import base64
import quopri

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmpws.domain.checks import Refused
from dmpws.http.transfer import decoder


class Target:
    def __init__(self) -> None:
        self.octets = b""
        self.closed = False

    def write(self, chunk: bytes | memoryview) -> None:
        self.octets += bytes(chunk)

    def close(self) -> None:
        self.closed = True


def decode(encoding: str, octets: bytes, sizes: list[int]) -> bytes:
    target = Target()
    writer = decoder(encoding, target)
    for size in sizes:
        writer.write(octets[:size])
        octets = octets[size:]
    writer.write(memoryview(octets))
    writer.close()
    assert target.closed
    return target.octets


pieces = st.lists(st.integers(0, 40), max_size=10)


@given(st.binary(max_size=300), pieces)
@settings(max_examples=150)
def test_base64(octets: bytes, sizes: list[int]) -> None:
    assert decode("BASE64", base64.encodebytes(octets).replace(b"\n", b"\r\n"), sizes) == octets


@given(st.binary(max_size=300).map(lambda b: b.replace(b"\r", b"")), pieces)
@settings(max_examples=150)
def test_quoted_printable(octets: bytes, sizes: list[int]) -> None:
    assert decode("quoted-printable", quopri.encodestring(octets, quotetabs=True), sizes) == octets


def test_quoted_printable_with_crlf_soft_breaks() -> None:
    encoded = b"Caf=C3=A9 au=\r\n lait =3D bon\r\n"
    assert decode("quoted-printable", encoded, [1] * len(encoded)) == "Café au lait = bon\r\n".encode()


@pytest.mark.parametrize("encoding", ["", "binary", "8bit", "7BIT", " Binary "])
def test_as_it_is(encoding: str) -> None:
    assert decode(encoding, bytes(range(256)), [3, 200]) == bytes(range(256))


@pytest.mark.parametrize("octets", [b"QUJD*", b"QUI", b"QQ==QQ==", b"=QUJ", b"QUJD===="])
def test_bad_base64_is_refused(octets: bytes) -> None:
    for sizes in ([], [4], [1] * len(octets)):
        with pytest.raises(Refused) as refused:
            decode("base64", octets, sizes)
        assert refused.value.checks[0].rule.id == "MIME-BASE64"


def test_an_unknown_encoding_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        decoder("x-gzip", Target())
    assert refused.value.checks[0].rule.id == "MIME-ENCODING"
    assert "x-gzip" in refused.value.message
