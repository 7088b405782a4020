"""The outbox: what patients are to be told (DMPWS D159)."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "notification",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("patient_id", ROW_ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("structure", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name="fk_notification_patient_id"),
        sa.PrimaryKeyConstraint("id", name="pk_notification"),
        sa.UniqueConstraint(
            "patient_id",
            "kind",
            "person",
            "structure",
            "purpose",
            "day",
            name="uq_notification_patient_id_kind_person_structure_purpose_day",
        ),
    )
    op.create_index("ix_notification_sent_at_id", "notification", ["sent_at", "id"])


def downgrade() -> None:
    op.drop_table("notification")
