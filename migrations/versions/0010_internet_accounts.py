"""Internet accounts of patients, and the channels of their one-time codes (TD1.5)."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "internet_account",
        sa.Column("patient_id", ROW_ID, nullable=False),
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.Column("renewed_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name="fk_internet_account_patient_id"),
        sa.PrimaryKeyConstraint("patient_id", name="pk_internet_account"),
        sa.UniqueConstraint("login", name="uq_internet_account_login"),
    )
    op.create_table(
        "otp_channel",
        sa.Column("patient_id", ROW_ID, nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("changed_at", INSTANT, nullable=False),
        sa.CheckConstraint("type IN ('SMS', 'EMAIL')", name="ck_otp_channel_type"),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name="fk_otp_channel_patient_id"),
        sa.PrimaryKeyConstraint("patient_id", "type", name="pk_otp_channel"),
    )


def downgrade() -> None:
    op.drop_table("otp_channel")
    op.drop_table("internet_account")
