"""What software is approved for: editor, category, dates, and profile × authentication mode × transaction.

Software that is already there may go on doing everything, in a category nobody has said.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TEXT_LIST = postgresql.ARRAY(sa.Text()).with_variant(sa.JSON(), "sqlite")
EVERYTHING = [
    f"{profile}/{mode}/"
    for profile in ("alimentation", "consultation", "création et gestion")
    for mode in ("DIRECTE", "INDIRECTE", "INDIRECTE_RENFORCEE")
]


def upgrade() -> None:
    before = sa.table("software", *map(sa.column, ("number", "name", "active")))
    rows = list(op.get_bind().execute(sa.select(before)))
    op.drop_table("software")
    software = op.create_table(
        "software",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("editor", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("scopes", TEXT_LIST, nullable=False),
        sa.CheckConstraint("status IN ('approved', 'suspended', 'revoked')", name="ck_software_status"),
        sa.PrimaryKeyConstraint("number", name="pk_software"),
    )
    for row in rows:
        status = "approved" if row.active else "revoked"
        values = {"number": row.number, "name": row.name, "editor": "", "category": "", "status": status}
        op.execute(software.insert().values(**values, scopes=EVERYTHING))


def downgrade() -> None:
    now = sa.table("software", *map(sa.column, ("number", "name", "status")))
    rows = list(op.get_bind().execute(sa.select(now)))
    op.drop_table("software")
    software = op.create_table(
        "software",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_software"),
    )
    for row in rows:
        values = {"number": row.number, "name": row.name, "active": row.status == "approved"}
        op.execute(software.insert().values(**values))
