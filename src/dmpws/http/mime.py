"""Cuts a multipart body into parts while it arrives, at memory speed and without keeping it.

Sans-IO: `feed` takes octets in pieces of any size, and how they are cut changes nothing (a property test says so).
"""

import re
from collections.abc import Callable, Mapping
from typing import Protocol

from dmpws.domain.checks import Rule, refusal

BOUNDARY = Rule("MIME-BOUNDARY", "Le corps commence par le délimiteur annoncé", "RFC 2046 5.1.1", "DMPInvalidRequest")
TRUNCATED = Rule("MIME-TRUNCATED", "Le corps finit par le délimiteur de clôture", "RFC 2046 5.1.1", "DMPInvalidRequest")
HEADERS = Rule("MIME-HEADERS", "Les en-têtes d'une partie MIME sont lisibles", "RFC 2046 5.1", "DMPInvalidRequest")
HEADER_SIZE = Rule(
    "MIME-HEADER-SIZE",
    "Les en-têtes d'une partie MIME dépassent la taille permise",
    "DMPWS LIMITS",
    "DMPInvalidRequest",
)

# What follows `--boundary`: `--` when it closes, blanks added in transport, the end of line (RFC 2046 5.1.1).
# The blanks are bounded so that a delimiter being received is never long; a longer line is content.
_DELIMITER_END = re.compile(rb"(--)?[ \t]{0,256}\r?\n")
_DELIMITER_END_BEGUN = re.compile(rb"-|(?:--)?[ \t]{0,256}\r?")
_BLANK_LINE = re.compile(rb"\n\r?\n")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*:(.*)", re.DOTALL)
_FOLD = re.compile(rb"\r?\n[ \t]+")


class PartWriter(Protocol):
    """Takes the content of one part."""

    def write(self, chunk: bytes | memoryview) -> None: ...

    def close(self) -> None: ...


class Splitter:
    """Splits one multipart body.

    boundary: the parameter of the Content-Type. on_part: called with the headers of each part (lower-case names),
    returns where its content goes. Raises Refused, or whatever the writers raise.
    """

    def __init__(self, boundary: bytes, on_part: Callable[[Mapping[str, str]], PartWriter], max_headers: int) -> None:
        self._mark = b"\n--" + boundary
        self._on_part: Callable[[Mapping[str, str]], PartWriter] | None = on_part
        self._max_headers = max_headers
        # The first delimiter may be the first line: this line end makes it like the others.
        self._buffer = b"\n"
        self._step: Callable[[Splitter], bool] = Splitter._content
        self._writer: PartWriter | None = None
        self._crlf = False
        self._skip = 0
        self.parts = 0

    def feed(self, data: bytes) -> None:
        """Take the next octets."""
        self._buffer = self._buffer + data if self._buffer else data
        while self._step(self):
            pass

    def finish(self) -> None:
        """Say that there are no more octets. Raises Refused when the closing delimiter was not seen."""
        self.feed(b"\n")  # the closing delimiter needs no line end of its own
        if self._step is Splitter._epilogue:
            return
        if not self.parts and self._step is Splitter._content:
            raise refusal(BOUNDARY, expected=self._mark[1:].decode("latin-1"), found="délimiteur absent")
        raise refusal(TRUNCATED, expected=self._mark[1:].decode("latin-1") + "--", found="fin du corps")

    def stop(self) -> None:
        """Take no more octets, and forget `on_part`, which usually refers back to the owner of the splitter."""
        self._step = Splitter._epilogue
        self._on_part = None

    def _content(self) -> bool:
        """Content of a part, or the preamble, up to the next delimiter."""
        buffer, mark, start = self._buffer, self._mark, 0
        while (at := buffer.find(mark, start)) >= 0:
            if end := _DELIMITER_END.match(buffer, at + len(mark)):
                return self._delimiter(at, end)
            if _DELIMITER_END_BEGUN.fullmatch(buffer, at + len(mark)):
                self._emit(max(0, at - 1))  # keep the carriage return that may belong to the delimiter
                return False
            start = at + 1  # the boundary is only the beginning of a longer line
        self._emit(max(0, len(buffer) - len(mark)))
        return False

    def _delimiter(self, at: int, end: "re.Match[bytes]") -> bool:
        line = end.group()
        if not self.parts:
            self._crlf = line.endswith(b"\r\n")
        # Messages are either all CRLF or all LF: where LF ends the lines, a carriage
        # return before the delimiter is content.
        content_end = at - 1 if self._crlf and self._buffer[at - 1 : at] == b"\r" else at
        self._emit(content_end)
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        # Keep the end of this line: headers may be empty, and then the blank line begins here.
        self._buffer = self._buffer[end.end() - content_end - 1 :]
        self._step = Splitter._epilogue if line.startswith(b"--") else Splitter._headers
        return True

    def _emit(self, end: int) -> None:
        """Give the octets before `end` to the part, and forget them."""
        if self._writer is not None and end > self._skip:
            self._writer.write(memoryview(self._buffer)[self._skip : end])
        if end:
            self._skip = 0
            self._buffer = self._buffer[end:]

    def _headers(self) -> bool:
        blank = _BLANK_LINE.search(self._buffer)
        size = blank.start() if blank else len(self._buffer) - 2  # its last octets may begin the blank line
        if size > self._max_headers:
            raise refusal(HEADER_SIZE, expected=f"au plus {self._max_headers} octets", found="davantage")
        if blank is None:
            return False
        assert self._on_part is not None
        self._writer = self._on_part(_parse_headers(self._buffer[: blank.start()]))
        self.parts += 1
        # The line end of the blank line stays in front: a part without content is closed by it.
        self._buffer = self._buffer[blank.end() - 1 :]
        self._skip = 1
        self._step = Splitter._content
        return True

    def _epilogue(self) -> bool:
        self._buffer = b""
        return False


def _parse_headers(block: bytes) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in _FOLD.sub(b" ", block).split(b"\n"):
        if not (line := line.rstrip(b"\r")):
            continue
        field = _FIELD.match(line)
        if field is None:
            raise refusal(HEADERS, expected="nom: valeur", found=line[:80].decode("utf-8", "replace"))
        name = field[1].decode("ascii").lower()
        if name in headers and name.startswith("content-"):
            raise refusal(HEADERS, expected=f"un seul en-tête {name}", found="plusieurs")
        headers[name] = field[2].strip(b" \t").decode("utf-8", "replace")
    return headers
