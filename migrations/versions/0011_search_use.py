"""Counters of searches by user and by software."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "search_use",
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("recent", sa.JSON(), nullable=False),
        sa.CheckConstraint("who IN ('user', 'software')", name="ck_search_use_who"),
        sa.PrimaryKeyConstraint("who", "key", name="pk_search_use"),
    )


def downgrade() -> None:
    op.drop_table("search_use")
