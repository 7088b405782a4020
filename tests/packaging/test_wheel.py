"""The wheel carries the data folders and works outside the repository."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the wheel was installed, without the checkout on the path."""
    work = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(work), str(REPOSITORY)]
    subprocess.run(build, check=True, cwd=work)
    [wheel] = work.glob("dmpws-*.whl")
    target = work / "site"
    subprocess.run([*pip, "install", "--no-deps", "--target", str(target), str(wheel)], check=True, cwd=work)
    return target


def run(installed: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    command = [sys.executable, *words]
    return subprocess.run(
        command, check=False, cwd=installed.parent, env=environment, capture_output=True, text=True, timeout=300
    )


@pytest.mark.slow
def test_the_installed_package_is_the_one_that_runs(installed: Path) -> None:
    done = run(installed, "-c", "import dmpws; print(dmpws.__file__)")
    assert Path(done.stdout.strip()).is_relative_to(installed)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["wsdl", "schemas", "transactions", "vihf", "conformance", "migrations"])
def test_every_data_folder_travels(installed: Path, name: str) -> None:
    done = run(installed, "-c", f"from dmpws.resources import folder; print(folder({name!r}))")
    assert done.returncode == 0, done.stderr
    found = Path(done.stdout.strip())
    assert found.is_relative_to(installed)
    assert sorted(p.relative_to(found) for p in found.rglob("*") if p.suffix != ".pyc" and p.is_file()) == sorted(
        p.relative_to(REPOSITORY / name) for p in (REPOSITORY / name).rglob("*") if p.suffix != ".pyc" and p.is_file()
    )


@pytest.mark.slow
def test_the_command_line_works_outside_the_repository(installed: Path) -> None:
    listed = run(installed, "-m", "dmpws", "wsdl", "list")
    assert listed.returncode == 0, listed.stderr
    assert "habilitations" in listed.stdout
    data = installed.parent / "data"
    upgraded = run(installed, "-m", "dmpws", "--data", str(data), "db", "upgrade")
    assert upgraded.returncode == 0, upgraded.stderr
    assert (data / "dmpws.sqlite").is_file()
