"""`dmpws bench`: throughput, searches in a large registry and retrieval, each beside what it is compared with."""

import sys

OPTIONS = {"journal": "false"}
"""Of the servers that are measured: the journal explains exchanges in a laboratory, and a production has none."""


class Failed(Exception):
    """A measurement could not be made; the message is one sentence."""


def say(sentence: str) -> None:
    """Progress, for whoever waits: on stderr."""
    print(sentence, file=sys.stderr, flush=True)
