"""How full the filesystems of the nodes were, a point for each hour of thirty days."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the table. The first points come with the next beats."""
    op.execute("""
        create table disk_point (
            node text not null constraint fk_disk_point_node references node (id) on delete cascade,
            mount text not null,
            hour timestamptz not null,
            used_bytes bigint not null,
            constraint pk_disk_point primary key (node, mount, hour)
        )
    """)


def downgrade() -> None:
    """Remove the points; without them nobody can say when a filesystem will be full."""
    op.execute("drop table disk_point")
