"""A new current identifier for a record: a NIR attributed anew, or put right (DMPWS D115). Two records are never
merged."""

from dmpws.acts.actor import ActorKind
from dmpws.acts.desk import Desk, Kind
from dmpws.domain import oids
from dmpws.domain.checks import Rule, demand
from dmpws.domain.patient import Ins, has_valid_key

NIR = Rule("IDENTIFY-NIR", "Le nouvel identifiant est un NIR de clé juste", "DMPWS D115", "DMPInvalidRequest")

IDENTIFY = Kind("act:identify", "Nouvel INS du patient", frozenset({ActorKind.OPERATOR}), open=False, motive=True)


def identify(desk: Desk, ins: Ins, new: Ins) -> bool:
    """Give the record of `ins` the current identifier `new`; False when it is so already.

    The former ones still find the record, whether it is closed or not, and `new` may be one of them. Raises Refused
    when `new` is no NIR, or another record's (DMPFound).
    """
    with desk.act(IDENTIFY, ins) as act:
        # One number, one spelling: VIHF have Corsica in capitals.
        ok = new.authority in oids.NIR_AUTHORITIES and has_valid_key(new.value) and new.value == new.value.upper()
        demand(ok, NIR, expected=", ".join(sorted(oids.NIR_AUTHORITIES)), found=f"{new.value}^{new.authority}"[:80])
        old = act.record.ins
        if old == new:
            return False
        act.store.patients.identify(act.record.id, new)
        act.note("ins", f"{old.value}^{old.authority}", f"{new.value}^{new.authority}")
        return True
