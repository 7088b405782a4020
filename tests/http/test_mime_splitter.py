"""The splitter: same parts whatever the pieces, line ends, near-misses and limits."""

import itertools
from collections.abc import Mapping

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dmpws.domain.checks import Refused
from dmpws.http.mime import PartWriter, Splitter

BOUNDARY = b"=_b"


class Collected(PartWriter):
    def __init__(self, headers: Mapping[str, str]) -> None:
        self.headers = dict(headers)
        self.octets = b""
        self.closed = 0

    def write(self, chunk: bytes | memoryview) -> None:
        self.octets += bytes(chunk)

    def close(self) -> None:
        self.closed += 1


def split(pieces: list[bytes], boundary: bytes = BOUNDARY, max_headers: int = 16384) -> list[Collected]:
    parts: list[Collected] = []

    def on_part(headers: Mapping[str, str]) -> Collected:
        parts.append(Collected(headers))
        return parts[-1]

    splitter = Splitter(boundary, on_part, max_headers)
    for piece in pieces:
        splitter.feed(piece)
    splitter.finish()
    assert [p.closed for p in parts] == [1] * len(parts)
    return parts


def verdict(pieces: list[bytes], boundary: bytes = BOUNDARY, max_headers: int = 16384) -> object:
    """The parts, or the rule that refused them."""
    try:
        return [(p.headers, p.octets) for p in split(pieces, boundary, max_headers)]
    except Refused as refused:
        return refused.checks[0].rule.id


def message(contents: list[bytes], newline: bytes = b"\r\n", boundary: bytes = BOUNDARY) -> bytes:
    head = b"--" + boundary + newline + b"Content-ID: <x>" + newline + newline
    return b"".join(head + content + newline for content in contents) + b"--" + boundary + b"--" + newline


def cut(octets: bytes, at: list[int]) -> list[bytes]:
    marks = [0, *sorted(a % (len(octets) + 1) for a in at), len(octets)]
    return [octets[a:b] for a, b in itertools.pairwise(marks)]


# Content made of what delimiters are made of, so that near-misses are the rule.
near_misses = st.lists(
    st.sampled_from([b"\r", b"\n", b"-", b"--", BOUNDARY, b"\r\n--" + BOUNDARY, b"\n--" + BOUNDARY, b" ", b"\t", b"x"]),
    max_size=12,
).map(b"".join)


@given(
    st.lists(near_misses, max_size=4), st.sampled_from([b"\r\n", b"\n"]), st.lists(st.integers(0, 10_000), max_size=8)
)
@settings(max_examples=400)
def test_cutting_the_input_changes_nothing(contents: list[bytes], newline: bytes, at: list[int]) -> None:
    octets = message(contents, newline)
    assert verdict(cut(octets, at)) == verdict([octets])


@given(st.binary(max_size=300), st.lists(st.integers(0, 400), max_size=6))
@settings(max_examples=200)
@example(b"--=_b\n\n\r", [])
@example(b"--=_b--", [3])
def test_any_octets_give_the_same_verdict_however_they_are_cut(octets: bytes, at: list[int]) -> None:
    assert verdict(cut(octets, at)) == verdict([octets])


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=4), st.sampled_from([b"\r\n", b"\n"]))
@settings(max_examples=200)
def test_contents_come_back_as_they_were(contents: list[bytes], newline: bytes) -> None:
    assert [
        p.octets for p in split([message(contents, newline, b"unlikely-boundary")], b"unlikely-boundary")
    ] == contents


def test_one_octet_at_a_time() -> None:
    contents = [b"a\r\n", b"", b"\r", b"--=_", b"\n--=_bx\r\n--=_b-\r\n"]
    octets = message(contents)
    assert [p.octets for p in split([octets[i : i + 1] for i in range(len(octets))])] == contents


@pytest.mark.parametrize(
    "content", [b"--=_b", b"x\r\n--=_b.more\r\ny", b"\r\n--=_", b"=_b--", b"\r\n--=_b --x", b"\r\n --=_b"]
)
def test_near_misses_are_content(content: bytes) -> None:
    assert [p.octets for p in split([message([b"<" + content + b">"])])] == [b"<" + content + b">"]


def test_a_carriage_return_is_content_where_lines_end_with_line_feeds() -> None:
    assert [p.octets for p in split([message([b"ends with CR\r"], b"\n")])] == [b"ends with CR\r"]


def test_preamble_epilogue_padding_and_a_missing_last_line_end() -> None:
    octets = b"preamble\r\n--=_b  \t\r\nA: 1\r\n\r\none\r\n--=_b-- \r\nepilogue\r\n--=_b\r\n\r\nno part\r\n"
    assert [(p.headers, p.octets) for p in split([octets])] == [({"a": "1"}, b"one")]
    assert [p.octets for p in split([b"--=_b\r\n\r\none\r\n--=_b--"])] == [b"one"]


def test_headers_may_be_absent_folded_and_in_any_case() -> None:
    parts = split([b'--=_b\r\n\r\none\r\n--=_b\r\nCONTENT-type: a/b;\r\n\tc="d"\r\n\r\n--=_b--'])
    assert [(p.headers, p.octets) for p in parts] == [({}, b"one"), ({"content-type": 'a/b; c="d"'}, b"")]


@pytest.mark.parametrize(
    ("octets", "rule"),
    [
        (b"", "MIME-BOUNDARY"),
        (b"no boundary at all\r\n", "MIME-BOUNDARY"),
        (b"--=_bx\r\n\r\nother boundary\r\n--=_bx--\r\n", "MIME-BOUNDARY"),
        (b"--=_b\r\nA: 1\r\n\r\nno end", "MIME-TRUNCATED"),
        (b"--=_b\r\nA: 1", "MIME-TRUNCATED"),
        (b"--=_b\r\n\r\none\r\n--=_b\r\n", "MIME-TRUNCATED"),
        (b"--=_b\r\n\r\none\r\n--=_b-", "MIME-TRUNCATED"),
        (b"--=_b\r\nnot a header\r\n\r\none\r\n--=_b--", "MIME-HEADERS"),
        (b"--=_b\r\nContent-ID: <a>\r\nContent-Id: <b>\r\n\r\none\r\n--=_b--", "MIME-HEADERS"),
        (b"--=_b\r\nA: " + b"x" * 200 + b"\r\n\r\none\r\n--=_b--", "MIME-HEADER-SIZE"),
        (b"--=_b\r\n" + b"A: x\r\n" * 100, "MIME-HEADER-SIZE"),
    ],
)
def test_what_is_refused(octets: bytes, rule: str) -> None:
    assert verdict([octets], max_headers=100) == rule
    assert verdict([octets[i : i + 1] for i in range(len(octets))], max_headers=100) == rule


@pytest.mark.parametrize(
    "content",
    [b"\r\n--=_b" * 60_000, b"\r\n--=_b" + b" " * 400_000, b"\n" * 400_000, b"-" * 400_000, b"\r\n--=_b \t" * 50_000],
)
def test_hostile_content_is_cut_the_same_in_pieces(content: bytes) -> None:
    octets = b"--=_b\r\n\r\n" + content + b"x\r\n--=_b--"
    assert verdict(cut(octets, list(range(0, len(octets), 4096)))) == verdict([octets])
