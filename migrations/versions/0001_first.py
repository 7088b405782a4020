"""Records, authorisations, registry, directory, tokens and traces."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)
TEXT_LIST = postgresql.ARRAY(sa.Text()).with_variant(sa.JSON(), "sqlite")

# Traces are append-only. A purge writes a signed checkpoint first, then may delete the rows it covers.
SQLITE_GUARDS = (
    """
    CREATE TRIGGER trace_no_update BEFORE UPDATE ON trace
    BEGIN SELECT RAISE(ABORT, 'a trace cannot be changed'); END
    """,
    """
    CREATE TRIGGER trace_no_delete BEFORE DELETE ON trace
    WHEN NOT EXISTS (SELECT 1 FROM trace_checkpoint WHERE OLD.seq BETWEEN first_seq AND last_seq)
    BEGIN SELECT RAISE(ABORT, 'a trace cannot be removed'); END
    """,
    """
    CREATE TRIGGER trace_follows_head BEFORE INSERT ON trace
    WHEN NOT EXISTS (SELECT 1 FROM trace_head WHERE NEW.seq = seq + 1 AND NEW.previous = hash)
    BEGIN SELECT RAISE(ABORT, 'a trace can only be appended'); END
    """,
    """
    CREATE TRIGGER trace_moves_head AFTER INSERT ON trace
    BEGIN UPDATE trace_head SET seq = NEW.seq, hash = NEW.hash; END
    """,
    """
    CREATE TRIGGER trace_checkpoint_no_update BEFORE UPDATE ON trace_checkpoint
    BEGIN SELECT RAISE(ABORT, 'a checkpoint cannot be changed'); END
    """,
    """
    CREATE TRIGGER trace_checkpoint_no_delete BEFORE DELETE ON trace_checkpoint
    BEGIN SELECT RAISE(ABORT, 'a checkpoint cannot be removed'); END
    """,
)
POSTGRESQL_GUARDS = (
    """
    CREATE FUNCTION trace_guard() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'INSERT' THEN
            UPDATE trace_head SET seq = NEW.seq, hash = NEW.hash WHERE NEW.seq = seq + 1 AND NEW.previous = hash;
            IF FOUND THEN RETURN NEW; END IF;
            RAISE EXCEPTION 'a trace can only be appended';
        ELSIF TG_OP = 'DELETE' AND TG_TABLE_NAME = 'trace' THEN
            IF EXISTS (SELECT 1 FROM trace_checkpoint WHERE OLD.seq BETWEEN first_seq AND last_seq) THEN
                RETURN OLD;
            END IF;
        END IF;
        RAISE EXCEPTION 'a row of % cannot be changed or removed', TG_TABLE_NAME;
    END $$
    """,
    """
    CREATE TRIGGER trace_guard BEFORE INSERT OR UPDATE OR DELETE ON trace
    FOR EACH ROW EXECUTE FUNCTION trace_guard()
    """,
    """
    CREATE TRIGGER trace_guard_truncate BEFORE TRUNCATE ON trace
    FOR EACH STATEMENT EXECUTE FUNCTION trace_guard()
    """,
    """
    CREATE TRIGGER trace_checkpoint_guard BEFORE UPDATE OR DELETE ON trace_checkpoint
    FOR EACH ROW EXECUTE FUNCTION trace_guard()
    """,
    """
    CREATE TRIGGER trace_checkpoint_guard_truncate BEFORE TRUNCATE ON trace_checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION trace_guard()
    """,
)


def upgrade() -> None:
    op.create_table(
        "patient",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("traits", sa.JSON(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("closed_at", INSTANT, nullable=True),
        sa.Column("closure_code", sa.Text(), nullable=False),
        sa.Column("closure_text", sa.Text(), nullable=False),
        sa.Column("opposes_bris_de_glace", sa.Boolean(), nullable=False),
        sa.Column("opposes_centre_15", sa.Boolean(), nullable=False),
        sa.Column("masked_visible_in_emergency", sa.Boolean(), nullable=False),
        sa.Column("attached_to_ens", sa.Boolean(), nullable=False),
        sa.Column("internet_account", sa.Boolean(), nullable=False),
        sa.CheckConstraint("status IN ('active', 'terminated')", name="ck_patient_status"),
        sa.PrimaryKeyConstraint("id", name="pk_patient"),
    )
    op.create_table(
        "professional",
        sa.Column("identifier", sa.Text(), nullable=False),
        sa.Column("family", sa.Text(), nullable=False),
        sa.Column("given", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("identifier", name="pk_professional"),
    )
    op.create_table(
        "software",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_software"),
    )
    op.create_table(
        "structure",
        sa.Column("identifier", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sectors", sa.JSON(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("parent", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("identifier", name="pk_structure"),
    )
    op.create_index("ix_structure_parent", "structure", ["parent"])
    op.create_table(
        "trace",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("occurred_at", INSTANT, nullable=False),
        sa.Column("transaction", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("correlation_id", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("structure", sa.Text(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("previous", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_trace"),
    )
    op.create_index("ix_trace_patient_seq", "trace", ["patient", "seq"])
    op.create_index("ix_trace_person_seq", "trace", ["person", "seq"])
    op.create_index("ix_trace_structure_seq", "trace", ["structure", "seq"])
    op.create_table(
        "trace_checkpoint",
        sa.Column("first_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("hash_before", sa.Text(), nullable=False),
        sa.Column("hash_after", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("made_at", INSTANT, nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("last_seq >= first_seq", name="ck_trace_checkpoint_order"),
        sa.PrimaryKeyConstraint("first_seq", name="pk_trace_checkpoint"),
    )
    op.create_table(
        "trace_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.CheckConstraint("id = 1", name="ck_trace_head_single"),
        sa.PrimaryKeyConstraint("id", name="pk_trace_head"),
    )
    op.create_table(
        "used_token",
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", name="pk_used_token"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_used_token_expires_at", "used_token", ["expires_at"])
    op.create_table(
        "authorisation",
        sa.Column("patient_id", ROW_ID, nullable=False),
        sa.Column("holder_kind", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("granted_at", INSTANT, nullable=True),
        sa.Column("last_action_at", INSTANT, nullable=True),
        sa.Column("expires_at", INSTANT, nullable=True),
        sa.Column("blocked", sa.Boolean(), nullable=False),
        sa.Column("treating_doctor", sa.Boolean(), nullable=False),
        sa.CheckConstraint("holder_kind IN ('person', 'structure')", name="ck_authorisation_holder_kind"),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name="fk_authorisation_patient_id"),
        sa.PrimaryKeyConstraint("patient_id", "holder_kind", "holder", name="pk_authorisation"),
    )
    op.create_index("ix_authorisation_holder_kind_holder", "authorisation", ["holder_kind", "holder"])
    op.create_table(
        "patient_identifier",
        sa.Column("patient_id", ROW_ID, nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("authority", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name="fk_patient_identifier_patient_id"),
        sa.PrimaryKeyConstraint("patient_id", "rank", name="pk_patient_identifier"),
        sa.UniqueConstraint("value", "authority", name="uq_patient_identifier_value_authority"),
    )
    op.create_table(
        "professional_structure",
        sa.Column("professional", sa.Text(), nullable=False),
        sa.Column("structure", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["professional"], ["professional.identifier"], name="fk_professional_structure_professional"
        ),
        sa.PrimaryKeyConstraint("professional", "structure", name="pk_professional_structure"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_professional_structure_structure", "professional_structure", ["structure"])
    op.create_table(
        "submission_set",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("uuid", sa.Text(), nullable=False),
        sa.Column("unique_id", sa.Text(), nullable=False),
        sa.Column("patient_id", ROW_ID, nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("submission_time", sa.Text(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("fragment", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name="fk_submission_set_patient_id"),
        sa.PrimaryKeyConstraint("id", name="pk_submission_set"),
        sa.UniqueConstraint("unique_id", name="uq_submission_set_unique_id"),
        sa.UniqueConstraint("uuid", name="uq_submission_set_uuid"),
    )
    op.create_index("ix_submission_set_patient_id_submission_time", "submission_set", ["patient_id", "submission_time"])
    op.create_table(
        "association",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("uuid", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("submission_set_id", ROW_ID, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("fragment", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["submission_set_id"], ["submission_set.id"], name="fk_association_submission_set_id"),
        sa.PrimaryKeyConstraint("id", name="pk_association"),
        sa.UniqueConstraint("uuid", name="uq_association_uuid"),
    )
    op.create_index("ix_association_source", "association", ["source"])
    op.create_index("ix_association_submission_set_id", "association", ["submission_set_id"])
    op.create_index("ix_association_target", "association", ["target"])
    op.create_table(
        "document_entry",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("entry_uuid", sa.Text(), nullable=False),
        sa.Column("lid", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("latest", sa.Boolean(), nullable=False),
        sa.Column("unique_id", sa.Text(), nullable=False),
        sa.Column("patient_id", ROW_ID, nullable=False),
        sa.Column("submission_set_id", ROW_ID, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("object_type", sa.Text(), nullable=False),
        sa.Column("mime_type", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("octets", sa.Text(), nullable=False),
        sa.Column("class_code", sa.Text(), nullable=False),
        sa.Column("type_code", sa.Text(), nullable=False),
        sa.Column("format_code", sa.Text(), nullable=False),
        sa.Column("facility_type", sa.Text(), nullable=False),
        sa.Column("practice_setting", sa.Text(), nullable=False),
        sa.Column("event_codes", TEXT_LIST, nullable=False),
        sa.Column("confidentiality", TEXT_LIST, nullable=False),
        sa.Column("authors", TEXT_LIST, nullable=False),
        sa.Column("visibility", sa.Text(), nullable=False),
        sa.Column("author_persons", sa.Text(), nullable=False),
        sa.Column("author_institutions", sa.Text(), nullable=False),
        sa.Column("legal_authenticator", sa.Text(), nullable=False),
        sa.Column("is_signature", sa.Boolean(), nullable=False),
        sa.Column("creation_time", sa.Text(), nullable=False),
        sa.Column("creation_key", sa.Text(), nullable=False),
        sa.Column("service_start_key", sa.Text(), nullable=False),
        sa.Column("service_stop_key", sa.Text(), nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("fragment", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name="fk_document_entry_patient_id"),
        sa.ForeignKeyConstraint(
            ["submission_set_id"], ["submission_set.id"], name="fk_document_entry_submission_set_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_document_entry"),
        sa.UniqueConstraint("entry_uuid", name="uq_document_entry_entry_uuid"),
        sa.UniqueConstraint("lid", "version", name="uq_document_entry_lid_version"),
        sa.UniqueConstraint("unique_id", "version", name="uq_document_entry_unique_id_version"),
    )
    op.create_index("ix_document_entry_octets", "document_entry", ["octets"])
    op.create_index(
        "ix_document_entry_patient_id_status_creation_key", "document_entry", ["patient_id", "status", "creation_key"]
    )
    op.create_index("ix_document_entry_submission_set_id", "document_entry", ["submission_set_id"])
    op.create_table(
        "lot_evidence",
        sa.Column("submission_set_id", ROW_ID, nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("chain", sa.LargeBinary(), nullable=False),
        sa.Column("crl_numbers", sa.JSON(), nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("verdict", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["submission_set_id"], ["submission_set.id"], name="fk_lot_evidence_submission_set_id"),
        sa.PrimaryKeyConstraint("submission_set_id", name="pk_lot_evidence"),
    )
    head = sa.table("trace_head", sa.column("id"), sa.column("seq"), sa.column("hash"))
    op.execute(head.insert().values(id=1, seq=0, hash="0" * 64))
    sqlite = op.get_bind().dialect.name == "sqlite"
    for guard in SQLITE_GUARDS if sqlite else POSTGRESQL_GUARDS:
        op.execute(guard)


def downgrade() -> None:
    raise NotImplementedError("nothing comes before the first revision")
