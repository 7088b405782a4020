"""The Python of docs/tutorial/first-steps.md does what it says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dmpws.testing.server import LiveServer

TUTORIAL = Path(__file__).parents[2] / "docs/tutorial/first-steps.md"


@pytest.mark.live
def test_the_program_of_the_tutorial_runs(live: LiveServer, tmp_path: Path) -> None:
    [program] = re.findall(r"```python\n(.*?)```", TUTORIAL.read_text("utf-8"), re.DOTALL)
    program = program.replace("https://localhost:8443", f"https://localhost:{live.port}")
    (tmp_path / "var").symlink_to(live.folder)
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, cwd=tmp_path, capture_output=True, text=True, env=os.environ
    )
    assert done.returncode == 0, done.stderr
    assert "ResponseStatusType:Success" in done.stdout
    assert "Compte rendu de consultation" in done.stdout
