"""The day of a death, and whether the patient's successors may have a copy."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

COLUMNS = {"deceased_on": (sa.Text(), ""), "successors_may_read": (sa.Boolean(), sa.false())}


def upgrade() -> None:
    with op.batch_alter_table("patient") as batch:
        for name, (kind, value) in COLUMNS.items():
            batch.add_column(sa.Column(name, kind, nullable=False, server_default=value))
    with op.batch_alter_table("patient") as batch:
        for name in COLUMNS:
            batch.alter_column(name, server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("patient") as batch:
        for name in COLUMNS:
            batch.drop_column(name)
