"""`dmpws config show|explain`: the effective configuration, with the origin of each value."""

import argparse
import json

from dmpws.config import OPTIONS, Config

HIDDEN = "***"


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("config", help="effective configuration with the origin of each value")
    verbs = parser.add_subparsers(dest="what", required=True)
    verbs.add_parser("show", help="the values, as a TOML file that --config accepts").set_defaults(func=show)
    verbs.add_parser("explain", help="each value, where it came from, what it is for").set_defaults(func=explain)


def _shown(config: Config, name: str) -> object:
    value = config.values[name]
    return HIDDEN if value and name.endswith("_secret") else value


def show(args: argparse.Namespace) -> int:
    """Print the values as TOML, or as JSON."""
    values = {option.name: _shown(args.config, option.name) for option in OPTIONS}
    if args.format == "json":
        print(json.dumps(values, indent=2))
    else:
        print("\n".join(f"{name} = {json.dumps(value)}" for name, value in values.items()))
    return 0


def explain(args: argparse.Namespace) -> int:
    """Print each option with its value, origin, environment name and help."""
    rows = [
        {
            "name": option.name,
            "value": _shown(args.config, option.name),
            "origin": args.config.origins[option.name],
            "environment": option.environment,
            "help": option.help,
        }
        for option in OPTIONS
    ]
    if args.format == "json":
        print(json.dumps(rows, indent=2))
        return 0
    for row in rows:
        print(f"{row['name']} = {json.dumps(row['value'])}   ({row['origin']})")
        print(f"    {row['help']}; {row['environment']}")
    return 0
