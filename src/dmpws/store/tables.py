"""The tables. migrations/versions builds them; a test compares the two on both databases.

Columns of the document tables are derived from the stored fragments, which are the truth given back: they hold
what queries and rights need, and nothing more. Codes are `code^^system`, as a query spells them. Every query names
a patient, so attributes with several values are lists in the row: a table of them would only be more to write.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.types import TypeEngine


class Instant(TypeDecorator[datetime]):
    """An aware instant, UTC on both databases."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class TextList(TypeDecorator[Sequence[str]]):
    """A list of strings: an array on PostgreSQL, JSON on SQLite."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(postgresql.ARRAY(Text()) if dialect.name == "postgresql" else sqlite.JSON())


SearchKey = Text().with_variant(Text(collation="C"), "postgresql")
"""A text that is looked for by its beginning: in the order of its octets, whatever the language of the database."""

RowId = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows by itself only in a column declared INTEGER."""

NAMES: Mapping[str, Any] = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

metadata = MetaData(naming_convention=dict(NAMES))

# The record and who may open it.

patient = Table(
    "patient",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("status", Text, nullable=False),
    Column("traits", JSON, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("closure_code", Text, nullable=False),
    Column("closure_text", Text, nullable=False),
    Column("closure_final", Boolean, nullable=False),
    Column("deceased_on", Text, nullable=False),  # YYYYMMDD, empty when alive or not known
    Column("successors_may_read", Boolean, nullable=False),
    Column("opposes_bris_de_glace", Boolean, nullable=False),
    Column("opposes_centre_15", Boolean, nullable=False),
    Column("masked_visible_in_emergency", Boolean, nullable=False),
    Column("attached_to_ens", Boolean, nullable=False),
    Column("internet_account", Boolean, nullable=False),
    CheckConstraint("status IN ('active', 'terminated')", name="status"),
)

patient_identifier = Table(
    "patient_identifier",
    metadata,
    Column("patient_id", ForeignKey(patient.c.id), primary_key=True),
    Column("rank", Integer, primary_key=True),  # the highest is the current identifier
    Column("value", Text, nullable=False),
    Column("authority", Text, nullable=False),
    UniqueConstraint("value", "authority"),
)

# Identifiers that a merge took away (ITI-44): they are nobody's again.
subsumed_identifier = Table(
    "subsumed_identifier",
    metadata,
    Column("value", Text, primary_key=True),
    Column("authority", Text, primary_key=True),
    Column("patient_id", ForeignKey(patient.c.id), nullable=False, index=True),  # who survives
    Column("merged_at", Instant, nullable=False),
)

# What TD0.5 searches by (dmpws.store.patient_search), beside the record: narrow enough to be walked through, and
# read by nothing else.
patient_search = Table(
    "patient_search",
    metadata,
    Column("patient_id", ForeignKey(patient.c.id), primary_key=True, autoincrement=False),
    Column("birth_key", SearchKey, nullable=False, index=True),
    Column("birth_sound", SearchKey, nullable=False, index=True),
    Column("used_key", SearchKey, nullable=False, index=True),  # empty when it is the birth name
    Column("used_sound", SearchKey, nullable=False, index=True),
    Column("given_key", SearchKey, nullable=False, index=True),
    Column("first_key", SearchKey, nullable=False, index=True),  # of the first given name
    Column("first_sound", SearchKey, nullable=False, index=True),
    Column("born", SearchKey, nullable=False, index=True),  # YYYY, YYYYMM or YYYYMMDD, as far as known
    Column("sex", Text, nullable=False),
    Column("postal_code", SearchKey, nullable=False, index=True),
    Column("city_key", SearchKey, nullable=False, index=True),
)

authorisation = Table(
    "authorisation",
    metadata,
    Column("patient_id", ForeignKey(patient.c.id), primary_key=True),
    Column("holder_kind", Text, primary_key=True),
    Column("holder", Text, primary_key=True),
    Column("granted_at", Instant),
    Column("last_action_at", Instant),
    Column("expires_at", Instant),
    Column("blocked", Boolean, nullable=False),
    Column("treating_doctor", Boolean, nullable=False),
    Column("specialties", TextList, nullable=False),
    Index(None, "holder_kind", "holder", "granted_at"),
    CheckConstraint("holder_kind IN ('person', 'structure')", name="holder_kind"),
)

authorisation_event = Table(
    "authorisation_event",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("patient_id", ForeignKey(patient.c.id), nullable=False),
    Column("holder_kind", Text, nullable=False),
    Column("holder", Text, nullable=False),
    Column("act", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    Column("actor_name", Text, nullable=False),
    Column("capacity", Text, nullable=False),
    Column("treating_doctor", Boolean, nullable=False),
    Column("expires_at", Instant),
    Index(None, "patient_id", "holder_kind", "holder"),
)

internet_account = Table(
    "internet_account",
    metadata,
    Column("patient_id", ForeignKey(patient.c.id), primary_key=True),
    Column("login", Text, nullable=False, unique=True),
    Column("password_hash", Text, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("renewed_at", Instant, nullable=False),
)

otp_channel = Table(
    "otp_channel",
    metadata,
    Column("patient_id", ForeignKey(patient.c.id), primary_key=True),
    Column("type", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("changed_at", Instant, nullable=False),
    CheckConstraint("type IN ('SMS', 'EMAIL')", name="type"),
)

notification = Table(
    "notification",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("patient_id", ForeignKey(patient.c.id), nullable=False),
    Column("kind", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("structure", Text, nullable=False),
    Column("day", Text, nullable=False),  # of the first read, so that a reader is told of once a day
    Column("name", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("occurred_at", Instant, nullable=False),
    Column("sent_at", Instant),
    UniqueConstraint("patient_id", "kind", "person", "structure", "purpose", "day"),
    Index(None, "sent_at", "id"),
)

search_use = Table(
    "search_use",
    metadata,
    Column("who", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("recent", JSON, nullable=False),  # beginnings of parts of the window, and how many searches came in each
    CheckConstraint("who IN ('user', 'software')", name="who"),
)

# Registry and repository.

submission_set = Table(
    "submission_set",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("uuid", Text, nullable=False, unique=True),
    Column("unique_id", Text, nullable=False, unique=True),
    Column("patient_id", ForeignKey(patient.c.id), nullable=False),
    Column("source_id", Text, nullable=False),
    Column("submission_time", Text, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("authors", TextList, nullable=False),  # the whole XCN, what patterns are matched with
    Column("author_persons", Text, nullable=False),
    Column("author_institutions", Text, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("fragment", LargeBinary, nullable=False),
    Index(None, "patient_id", "submission_time"),
)

folder = Table(
    "folder",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("uuid", Text, nullable=False, unique=True),
    Column("lid", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("latest", Boolean, nullable=False),
    Column("unique_id", Text, nullable=False),
    Column("patient_id", ForeignKey(patient.c.id), nullable=False, index=True),
    Column("submission_set_id", ForeignKey(submission_set.c.id), nullable=False, index=True),
    Column("status", Text, nullable=False),
    Column("codes", TextList, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("fragment", LargeBinary, nullable=False),
    UniqueConstraint("unique_id", "version"),
    UniqueConstraint("lid", "version"),
)

document_entry = Table(
    "document_entry",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("entry_uuid", Text, nullable=False, unique=True),
    Column("lid", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("latest", Boolean, nullable=False),
    Column("unique_id", Text, nullable=False),
    Column("copy", BigInteger, nullable=False),  # 0 but for documents that plain IHE registers again, at random
    Column("patient_id", ForeignKey(patient.c.id), nullable=False),
    Column("submission_set_id", ForeignKey(submission_set.c.id), nullable=False),
    Column("status", Text, nullable=False),
    Column("object_type", Text, nullable=False),
    Column("mime_type", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("octets", Text, nullable=False, index=True),  # name of the file, `lot:` and a row, empty once erased
    Column("class_code", Text, nullable=False),
    Column("type_code", Text, nullable=False),
    Column("format_code", Text, nullable=False),
    Column("facility_type", Text, nullable=False),
    Column("practice_setting", Text, nullable=False),
    Column("event_codes", TextList, nullable=False),
    Column("confidentiality", TextList, nullable=False),
    Column("authors", TextList, nullable=False),  # the whole XCN, what patterns are matched with
    Column("reference_ids", TextList, nullable=False),  # the whole CXi, the same
    Column("visibility", Text, nullable=False),
    Column("author_persons", Text, nullable=False),
    Column("author_institutions", Text, nullable=False),
    Column("legal_authenticator", Text, nullable=False),
    Column("is_signature", Boolean, nullable=False),
    Column("creation_time", Text, nullable=False),
    # First instant of each period, 14 digits, so that DTM of different precisions compare; empty when absent.
    Column("creation_key", Text, nullable=False),
    Column("service_start_key", Text, nullable=False),
    Column("service_stop_key", Text, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("fragment", LargeBinary, nullable=False),
    # Metadata versions share the uniqueId of their document (DMPWS D16, ITI TF-3 4.2.4.1).
    UniqueConstraint("unique_id", "version", "copy"),
    UniqueConstraint("lid", "version"),
    Index(None, "patient_id", "status", "creation_key"),
    Index(None, "patient_id", "received_at"),
    Index(None, "submission_set_id"),
)

document_set = Table(
    "document_set",
    metadata,
    Column("patient_id", ForeignKey(patient.c.id), primary_key=True),
    Column("set_id", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("unique_id", Text, nullable=False),
)

association = Table(
    "association",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("uuid", Text, nullable=False, unique=True),
    Column("type", Text, nullable=False),
    Column("source", Text, nullable=False, index=True),
    Column("target", Text, nullable=False, index=True),
    Column("submission_set_id", ForeignKey(submission_set.c.id), nullable=False, index=True),
    Column("status", Text, nullable=False),
    Column("fragment", LargeBinary, nullable=False),
)

# Documents in the repository of which the registry knows nothing any more (ITI-62).
unregistered_document = Table(
    "unregistered_document",
    metadata,
    Column("unique_id", Text, primary_key=True),
    Column("patient_id", ForeignKey(patient.c.id), nullable=False, index=True),
    Column("mime_type", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("octets", Text, nullable=False, index=True),  # name of the file
    Column("removed_at", Instant, nullable=False),
)

lot_evidence = Table(
    "lot_evidence",
    metadata,
    Column("submission_set_id", ForeignKey(submission_set.c.id), primary_key=True),
    Column("signature", LargeBinary, nullable=False),
    Column("chain", LargeBinary, nullable=False),
    Column("crl_numbers", JSON, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("verdict", LargeBinary, nullable=False),
)

# Directory and tokens.

structure = Table(
    "structure",
    metadata,
    Column("identifier", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("sectors", JSON, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("parent", Text, nullable=False, index=True),
    Column("regulation", Boolean, nullable=False),
)

professional = Table(
    "professional",
    metadata,
    Column("identifier", Text, primary_key=True),
    Column("family", Text, nullable=False),
    Column("given", Text, nullable=False),
    Column("active", Boolean, nullable=False),
)

professional_structure = Table(
    "professional_structure",
    metadata,
    Column("professional", ForeignKey(professional.c.identifier), primary_key=True),
    Column("structure", Text, primary_key=True, index=True),  # may be unknown to the directory
    sqlite_with_rowid=False,
)

card = Table(
    "card",
    metadata,
    Column("serial", Text, primary_key=True),  # of a certificate: a card with two has two rows
    Column("holder", Text, nullable=False, index=True),
    Column("label", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    sqlite_with_rowid=False,
)

software = Table(
    "software",
    metadata,
    Column("number", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("editor", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("valid_from", Date),
    Column("valid_until", Date),
    Column("scopes", TextList, nullable=False),  # profile/mode/transaction
    CheckConstraint("status IN ('approved', 'suspended', 'revoked')", name="status"),
)

homologation = Table(
    "homologation",
    metadata,
    Column("key", Text, primary_key=True),
    Column("editor", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("software", Text, nullable=False),  # LPS_Nom
    Column("category", Text, nullable=False),
    Column("scopes", TextList, nullable=False),  # as in `software`
    Column("number", Text, nullable=False),
)

homologation_event = Table(
    "homologation_event",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("file", ForeignKey(homologation.c.key), nullable=False, index=True),
    Column("step", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("by", Text, nullable=False),
    Column("motive", Text, nullable=False),
    Column("detail", JSON, nullable=False),
)

used_token = Table(
    "used_token",
    metadata,
    Column("fingerprint", Text, primary_key=True),  # SHA-256 of the assertion ID, whose length is the caller's
    Column("expires_at", Instant, nullable=False, index=True),
    sqlite_with_rowid=False,
)

# Traces: append-only, triggers of the migrations forbid the rest.

trace = Table(
    "trace",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("occurred_at", Instant, nullable=False),
    Column("transaction", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("correlation_id", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("structure", Text, nullable=False),
    Column("patient", Text, nullable=False),
    Column("content", Text, nullable=False),
    Column("previous", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Index(None, "patient", "seq"),
    Index(None, "person", "seq"),
    Index(None, "structure", "seq"),
)

trace_head = Table(
    "trace_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    Column("hash", Text, nullable=False),
    CheckConstraint("id = 1", name="single"),
)

trace_checkpoint = Table(
    "trace_checkpoint",
    metadata,
    Column("first_seq", BigInteger, primary_key=True, autoincrement=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("hash_before", Text, nullable=False),
    Column("hash_after", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("certificate", LargeBinary, nullable=False),
    CheckConstraint("last_seq >= first_seq", name="order"),
)
