"""Closures for good, beside those that TD1.2 undoes. The ones that are already there can be undone."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("patient") as batch:
        batch.add_column(sa.Column("closure_final", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("patient") as batch:
        batch.alter_column("closure_final", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("patient") as batch:
        batch.drop_column("closure_final")
