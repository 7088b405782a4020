"""`dmpws bench`: throughput, searches in a large registry and retrieval, each beside what it is compared with."""

import sys


class Failed(Exception):
    """A measurement could not be made; the message is one sentence."""


def say(sentence: str) -> None:
    """Progress, for whoever waits: on stderr."""
    print(sentence, file=sys.stderr, flush=True)
