"""Keys by which TD0.5 searches a patient, of the records that are there too."""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

from dmpws.store.patient_search import search_keys
from dmpws.store.record_rows import traits_of

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
INDEXED = (
    *("birth_key", "birth_sound", "used_key", "used_sound", "given_key", "first_key", "first_sound"),
    *("born", "postal_code", "city_key"),
)
BATCH = 1000


def upgrade() -> None:
    table = op.create_table(
        "patient_search",
        sa.Column("patient_id", ROW_ID, nullable=False, autoincrement=False),
        *(sa.Column(name, KEY, nullable=False) for name in INDEXED[:8]),
        sa.Column("sex", sa.Text(), nullable=False),
        *(sa.Column(name, KEY, nullable=False) for name in INDEXED[8:]),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name="fk_patient_search_patient_id"),
        sa.PrimaryKeyConstraint("patient_id", name="pk_patient_search"),
    )
    for batch in records():
        op.bulk_insert(table, batch)
    for name in INDEXED:
        op.create_index(f"ix_patient_search_{name}", "patient_search", [name])


def records() -> Iterator[list[dict[str, object]]]:
    """The rows of the records that are there, a batch at a time."""
    patient = sa.table("patient", sa.column("id", ROW_ID), sa.column("traits", sa.JSON()))
    page = sa.select(patient).where(patient.c.id > sa.bindparam("after")).order_by(patient.c.id).limit(BATCH)
    after = 0
    while rows := op.get_bind().execute(page, {"after": after}).all():
        yield [{"patient_id": row.id, **search_keys(traits_of(row.traits))} for row in rows]
        after = rows[-1].id


def downgrade() -> None:
    op.drop_table("patient_search")
