"""Internet accounts in the store, on both databases, alone and together."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest

from dmpws.domain.checks import Refused
from dmpws.domain.internet_account import Channel, ChannelType, InternetAccount
from dmpws.domain.patient import PatientRecord
from dmpws.store import Store
from dmpws.testing.deposits import open_record
from dmpws.testing.together import together
from dmpws.transactions.ports import StorageError

SMS = Channel(ChannelType.SMS, "0612345678")
EMAIL = Channel(ChannelType.EMAIL, "a@exemple.fr")
ACCOUNT = InternetAccount("LOGIN", "scrypt$…", (SMS,))


@pytest.fixture
def record(store: Store) -> PatientRecord:
    with store.write() as work:
        return open_record(work)


def stored(store: Store, record: PatientRecord) -> InternetAccount | None:
    with store.read() as work:
        return work.internet_accounts.get(record.id)


def is_open(store: Store, record: PatientRecord) -> bool:
    with store.read() as work:
        found = work.patients.find(record.ins)
    assert found is not None
    return found.internet_account


def test_the_life_of_an_account(store: Store, record: PatientRecord, now: datetime) -> None:
    assert stored(store, record) is None
    assert not is_open(store, record)
    with store.write() as work:
        assert not work.internet_accounts.renew(record.id, "OTHER", "hash", now=now)
        work.internet_accounts.open(record.id, ACCOUNT, now=now)
    assert stored(store, record) == ACCOUNT
    assert is_open(store, record)
    with store.write() as work:
        assert work.internet_accounts.renew(record.id, "OTHER", "hash", now=now)
        work.internet_accounts.put_channel(record.id, EMAIL, now=now)
        work.internet_accounts.put_channel(record.id, replace(SMS, value="0712345678"), now=now)
    assert stored(store, record) == InternetAccount("OTHER", "hash", (EMAIL, replace(SMS, value="0712345678")))
    with store.write() as work:
        assert work.internet_accounts.remove_channel(record.id, ChannelType.SMS)
        assert not work.internet_accounts.remove_channel(record.id, ChannelType.SMS)
    assert stored(store, record) == InternetAccount("OTHER", "hash", (EMAIL,))


def test_a_second_account_changes_nothing(store: Store, record: PatientRecord, now: datetime) -> None:
    with store.write() as work:
        work.internet_accounts.open(record.id, ACCOUNT, now=now)
    with pytest.raises(Refused) as refused, store.write() as work:
        work.internet_accounts.open(record.id, InternetAccount("OTHER", "hash", (EMAIL,)), now=now)
    assert refused.value.code == "DMPPatientAccessAlreadyExists"
    assert stored(store, record) == ACCOUNT


def test_a_login_is_one_patients(store: Store, record: PatientRecord, now: datetime) -> None:
    """Of 2^45 logins the same one twice is no account that exists, and no success either."""
    with store.write() as work:
        other = open_record(work, "petra")
        work.internet_accounts.open(record.id, ACCOUNT, now=now)
    with pytest.raises(StorageError), store.write() as work:
        work.internet_accounts.open(other.id, ACCOUNT, now=now)
    assert stored(store, other) is None
    assert not is_open(store, other)


def test_one_of_many_opens(store: Store, record: PatientRecord, now: datetime) -> None:
    def opening(login: str) -> Callable[[], str]:
        def act() -> str:
            with store.write() as work:
                work.internet_accounts.open(record.id, replace(ACCOUNT, login=login), now=now)
            return login

        return act

    outcomes = together([opening(f"LOGIN{n}") for n in range(6)])
    assert outcomes.pop("DMPPatientAccessAlreadyExists") == 5
    account = stored(store, record)
    assert account is not None
    assert list(outcomes) == [account.login]
