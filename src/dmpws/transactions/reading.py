"""Who reads: what TD3.1 and TD3.2 need to know of a caller who was admitted."""

from dmpws.domain.patient import PatientRecord
from dmpws.domain.visibility import Reader
from dmpws.transactions.admission import caller_of, standing_of
from dmpws.transactions.call import Call


def reader_of(call: Call, record: PatientRecord) -> Reader:
    """The caller as a reader of this record."""
    caller = caller_of(call.vihf)
    standing = standing_of(call, caller, record)
    return Reader(caller, standing.treating_doctor, record.masked_visible_in_emergency)
