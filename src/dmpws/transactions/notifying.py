"""Telling the patient that his record was read: a row of the outbox, kept with the trace of the reading."""

from dmpws.domain.notification import READ, Notification
from dmpws.domain.patient import PatientRecord
from dmpws.transactions.call import Call


def tell_patient(call: Call, record: PatientRecord) -> None:
    """Leave a notification, but of a minor's secret connection, which would be told to his representatives."""
    vihf = call.vihf
    if not call.settings.notifications or vihf.secret_connection:
        return
    notification = Notification(READ, vihf.name_id, vihf.subject_id, vihf.structure, vihf.purpose, call.now)
    call.notes.with_trace.append(lambda work: work.notifications.add(record.id, notification))
