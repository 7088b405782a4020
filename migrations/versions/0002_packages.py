"""Folders, and what the queries on submission sets and reference ids look at.

Rows that are already there get no author and no reference id: what they hold is sealed, and a migration has no key.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)
TEXT_LIST = postgresql.ARRAY(sa.Text()).with_variant(sa.JSON(), "sqlite")


def upgrade() -> None:
    no_list = "{}" if op.get_bind().dialect.name == "postgresql" else "[]"
    add_columns(
        "submission_set",
        {
            "status": (sa.Text(), "APPROVED"),
            "authors": (TEXT_LIST, no_list),
            "author_persons": (sa.Text(), ""),
            "author_institutions": (sa.Text(), ""),
        },
    )
    add_columns("document_entry", {"reference_ids": (TEXT_LIST, no_list)})
    op.create_table(
        "folder",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("uuid", sa.Text(), nullable=False),
        sa.Column("lid", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("latest", sa.Boolean(), nullable=False),
        sa.Column("unique_id", sa.Text(), nullable=False),
        sa.Column("patient_id", ROW_ID, nullable=False),
        sa.Column("submission_set_id", ROW_ID, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("codes", TEXT_LIST, nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("fragment", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name="fk_folder_patient_id"),
        sa.ForeignKeyConstraint(["submission_set_id"], ["submission_set.id"], name="fk_folder_submission_set_id"),
        sa.PrimaryKeyConstraint("id", name="pk_folder"),
        sa.UniqueConstraint("lid", "version", name="uq_folder_lid_version"),
        sa.UniqueConstraint("unique_id", "version", name="uq_folder_unique_id_version"),
        sa.UniqueConstraint("uuid", name="uq_folder_uuid"),
    )
    op.create_index("ix_folder_patient_id", "folder", ["patient_id"])
    op.create_index("ix_folder_submission_set_id", "folder", ["submission_set_id"])


def add_columns(table: str, columns: dict[str, tuple[sa.types.TypeEngine, str]]) -> None:
    """Add columns without default to a table that may have rows, which get the value given here."""
    with op.batch_alter_table(table) as batch:
        for name, (kind, value) in columns.items():
            batch.add_column(sa.Column(name, kind, nullable=False, server_default=value))
    with op.batch_alter_table(table) as batch:
        for name in columns:
            batch.alter_column(name, server_default=None)
