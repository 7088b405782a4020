"""Documents that stay in the repository when plain IHE removes their metadata (ITI-62)."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "unregistered_document",
        sa.Column("unique_id", sa.Text(), nullable=False),
        sa.Column("patient_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("mime_type", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("octets", sa.Text(), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("unique_id", name="pk_unregistered_document"),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name="fk_unregistered_document_patient_id"),
    )
    op.create_index("ix_unregistered_document_patient_id", "unregistered_document", ["patient_id"])
    op.create_index("ix_unregistered_document_octets", "unregistered_document", ["octets"])


def downgrade() -> None:
    op.drop_table("unregistered_document")
