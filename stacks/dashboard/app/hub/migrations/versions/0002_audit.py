"""The audit trails of the nodes, with the breaks of their chains."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables. Every agent sends its trail from the beginning."""
    for column in ("audit_after text", "audit_tail text", "audit_left bigint", "audit_error text"):
        op.execute(f"alter table node add column {column}")
    op.execute("""
        create table audit (
            node text not null constraint fk_audit_node references node (id) on delete cascade,
            hash text not null,
            number bigint generated always as identity,
            received_at timestamptz not null,
            at timestamptz not null,
            run text not null,
            kind text not null,
            actor text not null,
            verb text not null,
            target text,
            status text not null,
            whole boolean not null,
            line text not null,
            constraint pk_audit primary key (node, hash)
        )
    """)
    op.execute("create index ix_audit_at on audit (at desc, hash desc)")
    for column in ("node", "actor", "verb", "target"):
        op.execute(f"create index ix_audit_{column}_at on audit ({column}, at desc, hash desc)")
    op.execute("create index ix_audit_run on audit (run)")
    op.execute("create index ix_audit_not_ok on audit (at desc, hash desc) where status not in ('ok', 'started')")
    op.execute("""
        create table audit_break (
            number bigint generated always as identity constraint pk_audit_break primary key,
            node text not null constraint fk_audit_break_node references node (id) on delete cascade,
            kind text not null constraint ck_audit_break_kind check (kind in ('begins_late', 'gap', 'edited')),
            received_at timestamptz not null,
            after text,
            hash text not null,
            text text not null,
            constraint uq_audit_break_node_kind_after_hash unique nulls not distinct (node, kind, after, hash)
        )
    """)


def downgrade() -> None:
    """Remove the tables. The nodes keep their trails, and send them again after the next upgrade."""
    op.execute("drop table audit_break")
    op.execute("drop table audit")
    for column in ("audit_after", "audit_tail", "audit_left", "audit_error"):
        op.execute(f"alter table node drop column {column}")
