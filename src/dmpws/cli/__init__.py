"""The command line: `dmpws VERB`. One module per verb, each with `add_parser(subparsers)`.

Exit status: 0 success, 1 a check or scenario failed, 2 usage, 3 server unreachable, 4 internal error.
"""

import argparse
import importlib
import sys
import traceback
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from dmpws import __version__
from dmpws.config import PROFILES, ConfigError, load
from dmpws.domain.checks import Refused

VERBS = (
    "serve",
    "demo",
    "pki",
    "seed",
    "patient",
    "producer",
    "vihf",
    "frame",
    "wsdl",
    "db",
    "directory",
    "homologation",
    "audit",
    "journal",
    "conformance",
    "evidence",
    "lab",
    "bench",
    "config",
)

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_UNREACHABLE = 3
EXIT_INTERNAL = 4


class Failure(Exception):
    """Ends a verb with one clear sentence and an exit status."""

    def __init__(self, sentence: str, status: int = EXIT_FAILED) -> None:
        super().__init__(sentence)
        self.status = status


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    args = _parser(words).parse_args(words)
    try:
        args.config = load(vars(args), args.config_file)
        args.data = args.config.data_folder
        status: int = args.func(args)
    except ConfigError as error:
        return _say(str(error), EXIT_USAGE)
    except Failure as failure:
        return _say(str(failure), failure.status)
    except Refused as refused:
        return _say(refused.message, EXIT_FAILED)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 0
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        return _say(f"{error.filename}: {error.strerror}" if error.filename else str(error), EXIT_USAGE)
    except PermissionError as error:
        return _say(f"{error.filename}: {error.strerror}", EXIT_INTERNAL)
    except Exception:
        traceback.print_exc()
        return _say("internal error, please report it", EXIT_INTERNAL)
    return status


def plain(words: str) -> str:
    """Words that others chose, on one line: what a terminal would obey or not show is spelled out (`\\x1b`)."""
    shown = (c.isprintable() or unicodedata.category(c) == "Zs" for c in words)
    return "".join(c if so else c.encode("unicode_escape").decode() for c, so in zip(words, shown, strict=True))


def _say(sentence: str, status: int) -> int:
    print(f"dmpws: {sentence}", file=sys.stderr)
    return status


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dmpws", description="An open server for the French DMP interface.")
    parser.add_argument("--version", action="version", version=f"dmpws {__version__}")
    parser.add_argument("--config", dest="config_file", type=Path, metavar="FILE", help="TOML file of options")
    parser.add_argument("--profile", choices=PROFILES, help="set of defaults")
    parser.add_argument("--data", metavar="DIR", help="folder of the server's data (default: var)")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="form of the output")
    subparsers = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    # Importing every verb takes longer than running most of them: load the one that was asked for.
    asked = next((word for word in words if word in VERBS), None)
    for verb in [asked] if asked else VERBS:
        importlib.import_module(f"dmpws.cli.{verb}").add_parser(subparsers)
    return parser
