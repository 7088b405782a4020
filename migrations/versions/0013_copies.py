"""Documents that plain IHE registers again under the same uniqueId (DMPWS D16)."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

OLD, NEW = "uq_document_entry_unique_id_version", "uq_document_entry_unique_id_version_copy"


def upgrade() -> None:
    with op.batch_alter_table("document_entry") as batch:
        batch.add_column(sa.Column("copy", sa.BigInteger(), nullable=False, server_default="0"))
        batch.drop_constraint(OLD, type_="unique")
        batch.create_unique_constraint(NEW, ["unique_id", "version", "copy"])
    with op.batch_alter_table("document_entry") as batch:
        batch.alter_column("copy", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("document_entry") as batch:
        batch.drop_constraint(NEW, type_="unique")
        batch.drop_column("copy")
        batch.create_unique_constraint(OLD, ["unique_id", "version"])
