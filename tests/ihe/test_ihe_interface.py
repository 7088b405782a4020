"""Profile `ihe` and the DMP are two interfaces of one server: what one answers, the other does not know."""

import pytest
from ihe_world import Lab, MakeLab

from dmpws.client.errors import ServerFault
from dmpws.config import PROFILES
from dmpws.soap.contracts import Contracts
from dmpws.transactions import load
from dmpws.transactions.registry import Interface, Transaction, operations, transaction, transactions

load()
DMP = {t.code for t in transactions()}
IHE = {t.code for t in transactions(Interface.IHE)}


def test_a_transaction_is_of_one_interface() -> None:
    assert DMP
    assert IHE
    assert all(code.startswith("TD") for code in DMP)
    assert all(code.startswith("ITI-") for code in IHE)


def spoken(interface: Interface) -> set[tuple[str, str, str]]:
    """Path, body and action of everything an interface answers."""
    return {(path, o.body, o.action) for o in operations(interface) for path in (o.service, *o.aliases)}


ONLY_IHE = sorted(spoken(Interface.IHE) - spoken(Interface.DMP))
ONLY_DMP = sorted(spoken(Interface.DMP) - spoken(Interface.IHE))


@pytest.mark.parametrize("profile", [p for p in PROFILES if p != "ihe"])
def test_the_dmp_answers_nothing_of_ihe(profile: str, make_lab: MakeLab) -> None:
    lab = make_lab(profile=profile)
    for service, body, action in ONLY_IHE:
        assert refused(lab, service, body, action) in {"ActionNotSupported", "ActionMismatch"}, action


def test_ihe_answers_nothing_of_the_dmp(make_lab: MakeLab) -> None:
    lab = make_lab()
    assert ONLY_DMP
    for service, body, action in ONLY_DMP:
        assert refused(lab, service, body, action) in {"ActionNotSupported", "ActionMismatch", "DMPInvalidRequest"}


def refused(lab: Lab, service: str, body: str, action: str) -> str:
    namespace, _, name = body[1:].partition("}")
    with pytest.raises(ServerFault) as fault:
        lab.soap(service, action, f'<{name} xmlns="{namespace}"/>')
    return fault.value.subcode


@pytest.mark.parametrize("entry", transactions(Interface.IHE), ids=lambda t: t.code)
def test_every_transaction_is_in_its_contract(entry: Transaction) -> None:
    operation = entry.operation
    assert operation is not None
    contract = Contracts.load(services="ihe").contract(operation.service)
    [declared] = [o for o in contract.operations if o.name == operation.name]
    assert (declared.action, declared.response_action) == (operation.action, operation.response_action)
    assert declared.body == operation.body


def test_shared_operations_are_two_transactions() -> None:
    assert transaction("ITI-18").operation == transaction("TD3.1").operation
    assert transaction("ITI-18").handle is not transaction("TD3.1").handle
