"""Internet accounts of patients, and the channels of their one-time codes."""

from datetime import datetime

from sqlalchemy import and_, bindparam, delete, select, true, update
from sqlalchemy.dialects import postgresql

from dmpws.domain.checks import refusal
from dmpws.domain.internet_account import Channel, ChannelType, InternetAccount
from dmpws.store import rules
from dmpws.store.engine import by_dialect
from dmpws.store.session import Statements
from dmpws.store.tables import internet_account, otp_channel, patient

_THIS = internet_account.c.patient_id == bindparam("patient")
_ACCOUNT = select(internet_account.c.login, internet_account.c.password_hash).where(_THIS)
_CHANNELS = (
    select(otp_channel.c.type, otp_channel.c.value)
    .where(otp_channel.c.patient_id == bindparam("patient"))
    .order_by(otp_channel.c.type)
)
# On the patient alone: a login drawn twice is an error, not an account that exists.
_OPEN = by_dialect(
    lambda insert: insert(internet_account).on_conflict_do_nothing(index_elements=[internet_account.c.patient_id])
)
_SHOW = update(patient).where(patient.c.id == bindparam("patient")).values(internet_account=true())
_RENEW = update(internet_account).where(_THIS).values(
    login=bindparam("new_login"), password_hash=bindparam("new_hash"), renewed_at=bindparam("now")
)  # fmt: skip
_REMOVE = delete(otp_channel).where(
    and_(otp_channel.c.patient_id == bindparam("patient"), otp_channel.c.type == bindparam("of"))
)


def _put(insert: postgresql.Insert) -> postgresql.Insert:
    new = insert.excluded
    return insert.on_conflict_do_update(
        index_elements=[otp_channel.c.patient_id, otp_channel.c.type],
        set_={"value": new.value, "changed_at": new.changed_at},
    )


_PUT = by_dialect(lambda insert: _put(insert(otp_channel)))


class InternetAccountTable:
    """Implements dmpws.transactions.ports.InternetAccounts."""

    def __init__(self, statements: Statements) -> None:
        self._db = statements

    def get(self, patient: int) -> InternetAccount | None:
        for row in self._db.rows(_ACCOUNT, {"patient": patient}):
            channels = self._db.rows(_CHANNELS, {"patient": patient})
            found = tuple(Channel(ChannelType(channel.type), channel.value) for channel in channels)
            return InternetAccount(row.login, row.password_hash, found)
        return None

    def open(self, patient: int, account: InternetAccount, *, now: datetime) -> None:
        """Open an account, which TD0.2 shows from now on. Raises Refused when the patient has one."""
        values = {
            "patient_id": patient,
            "login": account.login,
            "password_hash": account.password_hash,
            "opened_at": now,
            "renewed_at": now,
        }
        if not self._db.change(_OPEN, values):
            raise refusal(rules.ACCOUNT_EXISTS)
        self._db.change(_SHOW, {"patient": patient})
        for channel in account.channels:
            self.put_channel(patient, channel, now=now)

    def renew(self, patient: int, login: str, password_hash: str, *, now: datetime) -> bool:
        """Replace login and password; False when there is no account."""
        values = {"patient": patient, "new_login": login, "new_hash": password_hash, "now": now}
        return self._db.change(_RENEW, values) == 1

    def put_channel(self, patient: int, channel: Channel, *, now: datetime) -> None:
        """Add the channel, or put it in place of the one of its type."""
        values = {"patient_id": patient, "type": channel.type.value, "value": channel.value, "changed_at": now}
        self._db.change(_PUT, values)

    def remove_channel(self, patient: int, of: ChannelType) -> bool:
        """Remove the channel of a type; False when there is none."""
        return self._db.change(_REMOVE, {"patient": patient, "of": of.value}) == 1
