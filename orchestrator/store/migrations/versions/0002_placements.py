"""Where a session's media runs, and the generation of it."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "placements",
        sa.Column("session_id", sa.Text, nullable=False),
        sa.Column("worker_id", sa.Text, nullable=False),
        sa.Column("boot_id", sa.Text, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("session_id", name="pk_placements"),
        sa.ForeignKeyConstraint(
            ["session_id"], ["sessions.session_id"], name="fk_placements_session_id"
        ),
    )
