"""A page of the tutorial, read as what a person types and what he then sees."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"^```(?P<kind>\w+)(?P<info>[^\n]*)\n(?P<content>.*?)^```$", re.MULTILINE | re.DOTALL)

# What is never the same twice. The order matters: an instant holds numbers too.
_MASKS = (
    (re.compile(r"\b2\.25\.\d+"), "<oid>"),
    (re.compile(r"\b[0-9a-f]{33,40}\b"), "<serial>"),
    (re.compile(r"[A-Za-z0-9+/]{43}="), "<digest>"),
    (re.compile(r"\d{2}/\d{2}/\d{4} à \d{2}:\d{2}:\d{2}"), "<instant>"),
    (re.compile(r"\b\d{2}:\d{2}:\d{2}\.\d{3}"), "<time>"),
    (re.compile(r" +\d+(\.\d+)? ms"), " <duration>"),
)


@dataclass(frozen=True)
class Block:
    """One fenced block. kind: sh, python, text. info: where it runs, or its file, or the exit status it must give."""

    kind: str
    info: str
    content: str
    line: int

    @property
    def exit_status(self) -> int:
        return int(self.info.removeprefix("exit=")) if self.info.startswith("exit=") else 0


def blocks(page: Path) -> Iterator[Block]:
    """The blocks of a page, in order."""
    text = page.read_text("utf-8")
    for match in _BLOCK.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        yield Block(match["kind"], match["info"].strip(), match["content"], line)


def masked(text: str) -> str:
    """The text without what differs from run to run."""
    for pattern, name in _MASKS:
        text = pattern.sub(name, text)
    return text


def shown(expected: str, actual: str) -> bool:
    """Whether a page shows what was printed. `…` stands for any text, alone on a line for any lines."""
    pattern = re.escape(masked(expected)).replace("…\\\n", "(?:.*\n)*?").replace("…", ".*")
    return re.fullmatch(pattern, masked(actual)) is not None
