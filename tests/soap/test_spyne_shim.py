"""spyne imports on every supported Python, and its costly habits are off."""

import subprocess
import sys

CODE = """
import sys
{without}
from dmpws.soap import spyne_shim
import spyne, six, spyne.const
from spyne.util.six.moves.urllib.parse import quote
assert spyne.__version__ == "2.14.0"
assert sys.modules["spyne.util.six"] is six
assert spyne.const.MIN_GC_INTERVAL == float("inf")
assert "cgi" in sys.modules
"""


def run(without: str) -> subprocess.CompletedProcess[str]:
    code = CODE.format(without=without)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_spyne_imports() -> None:
    assert (run("").returncode, run("").stderr.count("Error")) == (0, 0)


def test_spyne_imports_without_the_cgi_module() -> None:
    """As on Python 3.13, whatever Python runs the test."""
    hide = "import importlib.util as u; f = u.find_spec; u.find_spec = lambda n, *a: None if n == 'cgi' else f(n, *a)"
    done = run(hide + "\nassert 'cgi' not in sys.modules")
    assert done.returncode == 0, done.stderr


def test_modules_of_the_standard_library_stay_what_they_are() -> None:
    from dmpws.soap import spyne_shim

    assert spyne_shim.Soap12 is not None
    import collections.abc
    import http.cookies

    assert collections.abc.__spec__ is not None
    assert collections.abc.__spec__.name in ("collections.abc", "_collections_abc")
    assert http.cookies.__spec__ is not None
    assert http.cookies.__spec__.name == "http.cookies"
