"""setId and versionNumber of the CDA documents: the same pair comes once in a record.

Documents that are already there have none: their headers are not read again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "document_set",
        sa.Column("patient_id", ROW_ID, nullable=False),
        sa.Column("set_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("unique_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name="fk_document_set_patient_id"),
        sa.PrimaryKeyConstraint("patient_id", "set_id", "version", name="pk_document_set"),
    )


def downgrade() -> None:
    op.drop_table("document_set")
