"""Content-Transfer-Encoding, undone while the octets pass (RFC 2045 6)."""

import binascii
import re

from dmpws.domain.checks import Rule, refusal
from dmpws.http.mime import PartWriter

ENCODING = Rule(
    "MIME-ENCODING", "Le Content-Transfer-Encoding d'une partie est connu", "RFC 2045 6.1", "DMPInvalidRequest"
)
BASE64 = Rule("MIME-BASE64", "Une partie annoncée en base64 est en base64", "RFC 2045 6.8", "DMPInvalidRequest")

_AS_IS = frozenset({"", "binary", "8bit", "7bit"})
_WHITE = b" \t\r\n"
# An escape (`=E9`) or a soft line break (`=` at the end of a line) that the cut between two pieces splits.
_QP_CUT = re.compile(rb"=[0-9A-Fa-f\r]?\Z")


class Base64Writer:
    """Decodes base64; line breaks and blanks are ignored, any other foreign character is refused."""

    def __init__(self, target: PartWriter) -> None:
        self._target = target
        self._pending = b""
        self._padded = False

    def write(self, chunk: bytes | memoryview) -> None:
        text = self._pending + bytes(chunk).translate(None, _WHITE)
        whole = len(text) - len(text) % 4
        self._pending = text[whole:]
        if whole:
            self._decode(text[:whole])

    def _decode(self, text: bytes) -> None:
        try:
            if self._padded or text.endswith(b"==="):
                raise binascii.Error("octets after the padding")
            self._target.write(binascii.a2b_base64(text, strict_mode=True))
        except binascii.Error as error:
            raise refusal(BASE64, found=str(error)) from None
        self._padded = text.endswith(b"=")

    def close(self) -> None:
        if self._pending:
            raise refusal(BASE64, expected="un multiple de 4 caractères", found="fin au milieu d'un groupe")
        self._target.close()


class QuotedPrintableWriter:
    """Decodes quoted-printable."""

    def __init__(self, target: PartWriter) -> None:
        self._target = target
        self._pending = b""

    def write(self, chunk: bytes | memoryview) -> None:
        text = self._pending + bytes(chunk)
        cut = _QP_CUT.search(text, max(0, len(text) - 2))
        end = cut.start() if cut else len(text)
        self._pending = text[end:]
        self._target.write(binascii.a2b_qp(text[:end]))

    def close(self) -> None:
        self._target.write(binascii.a2b_qp(self._pending))
        self._target.close()


def decoder(encoding: str, target: PartWriter) -> PartWriter:
    """Return a writer that undoes `encoding` and writes to `target`. Raises Refused for an unknown encoding."""
    name = encoding.strip().lower()
    if name in _AS_IS:
        return target
    if name == "base64":
        return Base64Writer(target)
    if name == "quoted-printable":
        return QuotedPrintableWriter(target)
    raise refusal(ENCODING, expected="binary, 8bit, 7bit, base64 ou quoted-printable", found=encoding)
