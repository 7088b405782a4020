"""What `--help` says: every verb, argument and option is explained."""

import argparse
from collections.abc import Iterator

from dmpws import cli


def unexplained(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            explained = {choice.dest for choice in action._choices_actions if choice.help}
            for name, verb in action.choices.items():
                if name not in explained:
                    yield f"{parser.prog} {name}"
                yield from unexplained(verb)
        elif not action.help:
            yield f"{parser.prog} {action.dest}"


def test_everything_is_explained() -> None:
    assert list(unexplained(cli._parser([]))) == []
