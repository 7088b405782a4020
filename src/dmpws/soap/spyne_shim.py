"""spyne 2.14.0, importable on every supported Python. Nothing else of the project imports spyne.

Published in 2022, it bundles a `six` that Python 3.12 cannot import, and imports `cgi`, gone in Python 3.13, for
one function. Both are put in place before spyne is imported (docs/explanation/architecture.md, the stack).
"""

import importlib.util
import logging
import operator
import sys
import warnings
from types import ModuleType
from typing import Any

import six

# The modules that spyne takes from its bundled six.
_MOVES = ("", ".collections_abc", ".http_cookies", ".urllib", ".urllib.error", ".urllib.parse", ".urllib.request")


def _parse_header(line: str) -> tuple[str, dict[str, str]]:
    """What spyne takes from `cgi`. It wants the charset, which the protocol subclass ignores."""
    return line.partition(";")[0].strip(), {}


def _fire_event(events: Any, name: str, ctx: Any, *args: Any) -> None:
    """spyne's own leaves a reference cycle behind for each of the 13 events of a request nobody listens to."""
    for handler in events.handlers.get(name, ()):
        handler(ctx, *args)


def _install() -> None:
    bundled: Any = six
    bundled.get_function_name = operator.attrgetter("__name__")
    sys.modules["spyne.util.six"] = six
    for name in _MOVES:
        # Read as an attribute: importing it would rename the standard module behind it.
        sys.modules[f"spyne.util.six.moves{name}"] = operator.attrgetter(f"moves{name}")(six)
    if importlib.util.find_spec("cgi") is None:
        stand_in: Any = ModuleType("cgi", "The part of the former standard module that spyne uses.")
        stand_in.parse_header = _parse_header
        sys.modules["cgi"] = stand_in


_install()

with warnings.catch_warnings():  # it is as old as it is; who tests with `-W error` shall not fail for it
    warnings.simplefilter("ignore")
    from spyne import Application, EventManager, Fault, ServiceBase, const, rpc
    from spyne.model import AnyXml
    from spyne.protocol.soap import Soap12
    from spyne.server.wsgi import WsgiApplication, WsgiMethodContext
    from spyne.util import appreg

# Otherwise a full collection runs inside a request once a second (42 ms with a large heap).
const.MIN_GC_INTERVAL = float("inf")
# A method context checks each of its 47 attributes for spelling while it is made: 25 us a request.
WsgiMethodContext.__setattr__ = object.__setattr__
EventManager.fire_event = _fire_event
# spyne journals every fault with its traceback; the protocol subclass journals what it answers, once.
logging.getLogger("spyne").setLevel(logging.CRITICAL)

__all__ = ["AnyXml", "Application", "Fault", "ServiceBase", "Soap12", "WsgiApplication", "appreg", "rpc"]
