"""`dmpws wsdl list|show|diff`: the service contracts, with `--profile ihe` those of plain IHE."""

import argparse
import json
from typing import Any

from dmpws.app import CONTRACTS, interface_of
from dmpws.cli import EXIT_USAGE, Failure, wsdl_diff
from dmpws.soap.contracts import ContractOperation, Contracts

BASE_URL = "https://localhost:8443/si-dmp-server/v2/services"


def add_parser(subparsers: Any) -> None:
    """Add the verb to the command line."""
    parser = subparsers.add_parser("wsdl", help="inspect the service contracts")
    parser.set_defaults(func=run)
    verbs = parser.add_subparsers(dest="wsdl_verb", required=True, metavar="VERB")
    verbs.add_parser("list", help="every service and its operations")
    show = verbs.add_parser("show", help="one service: its operations, or its contract")
    show.add_argument("service", metavar="SERVICE", help="last segment of the path (`patients`)")
    show.add_argument("--document", action="store_true", help="print the WSDL itself")
    show.add_argument("--url", default=BASE_URL, help="address of the services in the WSDL (default: %(default)s)")
    wsdl_diff.add_parser(verbs)


def run(args: argparse.Namespace) -> int:
    """Run one of the verbs on the installed contracts."""
    contracts = Contracts.load(services=CONTRACTS[interface_of(args.config)])
    if args.wsdl_verb == "diff":
        return wsdl_diff.run(contracts, args)
    if args.wsdl_verb == "list":
        return _list(contracts, args.format)
    try:
        return _show(contracts, args)
    except KeyError:
        known = ", ".join(contracts.services)
        raise Failure(f"no service {args.service!r}; there are {known}", EXIT_USAGE) from None


def _list(contracts: Contracts, form: str) -> int:
    if form == "json":
        print(json.dumps([_facts(contracts, s) for s in contracts.services], indent=2, ensure_ascii=False))
        return 0
    width = max(len(service) for service in contracts.services)
    for service in contracts.services:
        names = ", ".join(operation.name for operation in contracts.contract(service).operations)
        print(f"{service:{width}}  {names}")
    return 0


def _show(contracts: Contracts, args: argparse.Namespace) -> int:
    if args.document:
        print(contracts.wsdl(args.service, args.url.rstrip("/")).decode())
        return 0
    facts = _facts(contracts, args.service)
    if args.format == "json":
        print(json.dumps(facts, indent=2, ensure_ascii=False))
        return 0
    print(f"{args.service}: {facts['documentation']}")
    print(f"{facts['file']}, {facts['wsdl_service']} in {facts['namespace']}")
    for operation in contracts.contract(args.service).operations:
        print(f"\n{operation.name}")
        for name, value in _operation(operation).items():
            if name != "name":
                print(f"  {name.replace('_', ' '):15} {value or '(empty)'}")
    return 0


def _facts(contracts: Contracts, service: str) -> dict[str, Any]:
    contract = contracts.contract(service)
    return {
        "service": service,
        "file": contract.file,
        "namespace": contract.namespace,
        "wsdl_service": contract.service,
        "documentation": contract.documentation,
        "operations": [_operation(operation) for operation in contract.operations],
    }


def _operation(operation: ContractOperation) -> dict[str, str]:
    return {
        "name": operation.name,
        "action": operation.action,
        "body": operation.body,
        "response_action": operation.response_action,
        "response_body": operation.response_body,
        "soap_action": operation.soap_action,
    }
