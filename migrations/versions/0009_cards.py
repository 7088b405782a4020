"""Cards, and which structures are medical regulation centres."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "card",
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("serial", name="pk_card"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_card_holder", "card", ["holder"])
    with op.batch_alter_table("structure") as batch:
        batch.add_column(sa.Column("regulation", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("structure") as batch:
        batch.alter_column("regulation", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("structure") as batch:
        batch.drop_column("regulation")
    op.drop_table("card")
