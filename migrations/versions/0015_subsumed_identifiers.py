"""Identifiers that a merge of two patients took away (ITI-44)."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "subsumed_identifier",
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("authority", sa.Text(), nullable=False),
        sa.Column("patient_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("merged_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("value", "authority", name="pk_subsumed_identifier"),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name="fk_subsumed_identifier_patient_id"),
    )
    op.create_index("ix_subsumed_identifier_patient_id", "subsumed_identifier", ["patient_id"])


def downgrade() -> None:
    op.drop_table("subsumed_identifier")
