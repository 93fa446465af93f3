"""Nodes, their tokens, and the sections of their beats."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None

_SECTIONS = (
    "node_facts",
    "node_figures",
    "container",
    "container_usage",
    "domain",
    "certificate",
    "served_certificate",
    "stack",
)


def upgrade() -> None:
    """Make the tables."""
    op.execute("""
        create table node (
            id text not null constraint pk_node primary key,
            hostname text not null,
            address text not null constraint uq_node_address unique,
            provider text,
            registered_at timestamptz not null,
            received_at timestamptz,
            taken_at timestamptz,
            skew_seconds double precision,
            epoch text,
            sequence bigint,
            beat_hash bytea,
            agent text,
            refused_at timestamptz,
            refused_code text,
            refused_text text
        )
    """)
    op.execute("""
        create table token (
            hash bytea not null constraint pk_token primary key,
            node text not null constraint fk_token_node references node (id) on delete cascade,
            made_at timestamptz not null,
            machine text,
            machine_address text,
            used_at timestamptz,
            valid_until timestamptz,
            revoked_at timestamptz
        )
    """)
    op.execute("create index ix_token_node on token (node)")
    op.execute("""
        create table section (
            node text not null constraint fk_section_node references node (id) on delete cascade,
            name text not null,
            status text not null constraint ck_section_status check (status in ('ok', 'failed', 'absent')),
            at timestamptz not null,
            received_at timestamptz not null,
            rows_at timestamptz,
            rows_received_at timestamptz,
            error text,
            failed_since timestamptz,
            digest text,
            constraint pk_section primary key (node, name)
        )
    """)
    for name in _SECTIONS:
        op.execute(f"""
            create table {name} (
                node text not null constraint fk_{name}_node references node (id) on delete cascade,
                key text not null,
                state text not null,
                since timestamptz not null,
                body jsonb not null,
                body_hash bytea not null,
                constraint pk_{name} primary key (node, key)
            )
        """)
    op.execute("""
        create table attention (
            node text not null constraint fk_attention_node references node (id) on delete cascade,
            kind text not null,
            since timestamptz not null,
            last_at timestamptz not null,
            times integer not null,
            addresses text[] not null,
            text text not null,
            constraint pk_attention primary key (node, kind)
        )
    """)


def downgrade() -> None:
    """Remove the tables."""
    for name in ("attention", *reversed(_SECTIONS), "section", "token", "node"):
        op.execute(f"drop table {name}")
