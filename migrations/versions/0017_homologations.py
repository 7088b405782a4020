"""Files of homologation and their history (DMPWS D201)."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_LIST = sa.JSON().with_variant(postgresql.ARRAY(sa.Text()), "postgresql")


def upgrade() -> None:
    op.create_table(
        "homologation",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("editor", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("software", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("scopes", _LIST, nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_homologation"),
    )
    op.create_table(
        "homologation_event",
        sa.Column("id", _ID, nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("motive", sa.Text(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_homologation_event"),
        sa.ForeignKeyConstraint(["file"], ["homologation.key"], name="fk_homologation_event_file"),
    )
    op.create_index("ix_homologation_event_file", "homologation_event", ["file"])


def downgrade() -> None:
    op.drop_table("homologation_event")
    op.drop_table("homologation")
