"""The pytest plugin for somebody who has nothing but dmpws and pytest: the how-to, executed in an empty folder."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dmpws.testing.dmp_server import DmpServer

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "use-dmpws-in-your-tests.md"
_BLOCK = re.compile(r"^```python (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.live
def test_the_how_to_works_in_an_empty_project(tmp_path: Path) -> None:
    files: dict[str, str] = {}
    for name, text in _BLOCK.findall(HOW_TO.read_text("utf-8")):
        files[name] = files.get(name, "") + text
    assert files.keys() == {"test_my_software.py", "conftest.py"}
    for name, text in files.items():
        (tmp_path / name).write_text(text, "utf-8")
    words = ["-q", "-p", "no:cacheprovider", "-W", "error", "--strict-markers", "-rA"]
    environment = {**os.environ, "DMPWS_PROFILE": "production", "DMPWS_PORT": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(re.findall("^PASSED", done.stdout, re.MULTILINE)) == files["test_my_software.py"].count("\ndef test_")


def test_a_run_that_uses_nothing_of_it_pays_nothing(tmp_path: Path) -> None:
    """Whatever else is tested on this machine, the plugin is loaded too."""
    program = (
        "import sys, dmpws.testing.plugin; print([n for n in sys.modules if n.startswith(('sqlalchemy', 'lxml'))])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("profile", ["production", "ihe"])
def test_no_other_profile_is_started(profile: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="local and test"):
        DmpServer(tmp_path, profile=profile)
