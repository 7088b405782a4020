"""Running a client of another language, and what it must say."""

import hashlib
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from foreign_build import Client
from foreign_desk import Desk

# The JVM starts faster when it does not think of the long run.
JAVA_COMMAND = ("java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp")


def require(client: Client) -> None:
    """Skip, with the reason, when a client cannot be tried."""
    if why := client.why_not:
        pytest.skip(f"{client.name} client: {why}")


def run(words: Sequence[str], folder: Path) -> dict[str, list[str]]:
    """The results of a client by their names. folder: what it is given."""
    done = subprocess.run([*words, str(folder)], check=False, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    return {line[0]: line[1:] for line in lines}


def check(found: dict[str, list[str]], desk: Desk) -> None:
    """Hold what a client saw against what every client must see; the fault also explains itself."""
    wanted = {
        "TD0.2": ["AA", "OK"],
        "altered VIHF": ["DMPAuthenticationError"],
        "TD0.3": ["DMPOk"],
        "TD2.1": ["Success"],
        "TD3.1": [desk.title, "text/xml"],
        "TD3.2": ["Success", hashlib.sha256(desk.documents["Document01"]).hexdigest()],
        "unknown document": ["Failure XDSDocumentUniqueIdError"],
    }
    assert {step: values[: len(wanted.get(step, values))] for step, values in found.items()} == wanted
    assert "attendu" in found["altered VIHF"][1]
    assert "SIG-CONTENU" in found["altered VIHF"][1]
