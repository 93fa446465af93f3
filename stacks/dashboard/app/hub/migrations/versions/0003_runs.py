"""The index by run has the order of the page too: the newest record of a run is found without reading the others."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Replace the index."""
    op.execute("create index ix_audit_run_at on audit (run, at desc, hash desc)")
    op.execute("drop index ix_audit_run")


def downgrade() -> None:
    """Bring the former index back."""
    op.execute("create index ix_audit_run on audit (run)")
    op.execute("drop index ix_audit_run_at")
