"""Indexes of TD0.4: authorisations by holder and date, documents by record and arrival."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_authorisation_holder_kind_holder", "authorisation")
    op.create_index(
        "ix_authorisation_holder_kind_holder_granted_at", "authorisation", ["holder_kind", "holder", "granted_at"]
    )
    op.create_index("ix_document_entry_patient_id_received_at", "document_entry", ["patient_id", "received_at"])


def downgrade() -> None:
    op.drop_index("ix_document_entry_patient_id_received_at", "document_entry")
    op.drop_index("ix_authorisation_holder_kind_holder_granted_at", "authorisation")
    op.create_index("ix_authorisation_holder_kind_holder", "authorisation", ["holder_kind", "holder"])
