"""History of the authorisations, and the specialties of their holders.

Changes made before this revision are in the traces only.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)
TEXT_LIST = postgresql.ARRAY(sa.Text()).with_variant(sa.JSON(), "sqlite")


def upgrade() -> None:
    no_list = "{}" if op.get_bind().dialect.name == "postgresql" else "[]"
    with op.batch_alter_table("authorisation") as batch:
        batch.add_column(sa.Column("specialties", TEXT_LIST, nullable=False, server_default=no_list))
    with op.batch_alter_table("authorisation") as batch:
        batch.alter_column("specialties", server_default=None)
    op.create_table(
        "authorisation_event",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("patient_id", ROW_ID, nullable=False),
        sa.Column("holder_kind", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("capacity", sa.Text(), nullable=False),
        sa.Column("treating_doctor", sa.Boolean(), nullable=False),
        sa.Column("expires_at", INSTANT),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name="fk_authorisation_event_patient_id"),
        sa.PrimaryKeyConstraint("id", name="pk_authorisation_event"),
    )
    op.create_index(
        "ix_authorisation_event_patient_id_holder_kind_holder",
        "authorisation_event",
        ["patient_id", "holder_kind", "holder"],
    )


def downgrade() -> None:
    op.drop_table("authorisation_event")
    with op.batch_alter_table("authorisation") as batch:
        batch.drop_column("specialties")
