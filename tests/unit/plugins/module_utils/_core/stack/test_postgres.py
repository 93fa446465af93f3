"""Which major version of PostgreSQL an image is, and where the data of a service lie."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.postgres import (
    Cluster,
    clusters,
    major_of,
    refuse_other_major,
    written_major,
)


@pytest.mark.parametrize(
    ("image", "major"),
    [
        ("postgres:18.6", 18),
        ("postgres:17", 17),
        ("postgres:9.6.24", 9),
        ("postgres:18.6-alpine3.22", 18),
        ("docker.io/library/postgres:17.7-trixie@sha256:00", 17),
        ("registry.example.com:5000/postgres:16", 16),
        ("bitnami/postgresql:16.4.0", 16),
        ("postgis/postgis:17-3.5", 17),
        ("pgvector/pgvector:0.8.6-pg17", 17),
        ("pgvector/pgvector:pg18", 18),
        ("timescale/timescaledb:2.21.0-pg17", 17),
        ("postgres:latest", None),
        ("postgres", None),
        ("postgres@sha256:17", None),
        ("postgres-exporter:0.17", None),
        ("redis:8", None),
        ("prom/pgbouncer:1.24", None),
        ("app:v1-pg170", None),
        ("", None),
    ],
)
def test_the_major_version_of_an_image(image: str, major: int | None) -> None:
    assert major_of(image) == major


def said(mounts: list[dict[str, Any]], **service: Any) -> list[Cluster]:
    config = {
        "services": {"db": {"image": "postgres:17", "volumes": mounts, **service}, "web": {"image": "app:1"}},
        "volumes": {"data": {"name": "acme-shop_data"}},
    }
    return clusters(json.dumps(config))


def volume(target: str) -> dict[str, Any]:
    return {"type": "volume", "source": "data", "target": target}


HOME = "/var/lib/postgresql"


@pytest.mark.parametrize(
    ("mount", "service", "places"),
    [
        (volume(f"{HOME}/data"), {}, ("", "pgdata")),
        (volume(f"{HOME}/data"), {"environment": {"PGDATA": f"{HOME}/data/pgdata"}}, ("pgdata", "")),
        (volume(HOME), {}, ("data", "data/pgdata", "18/docker")),
        (volume(HOME), {"image": "postgres:19.0"}, ("19/docker", "data", "data/pgdata", "18/docker")),
        (volume("/pg"), {"environment": {"PGDATA": "/pg/main"}}, ("main",)),
        (volume("/pg"), {"environment": {"PGDATA": "/pgx"}}, None),
        (volume("/docker-entrypoint-initdb.d"), {}, None),
        (volume(""), {}, None),
        (volume(f"{HOME}/data"), {"image": "redis:8"}, None),
        (volume(f"{HOME}/data"), {"build": {"context": "."}}, None),
        ({"type": "tmpfs", "target": f"{HOME}/data"}, {}, None),
    ],
)
def test_where_the_data_lie(mount: dict[str, Any], service: dict[str, Any], places: tuple[str, ...] | None) -> None:
    found = said([mount], **service)
    assert [cluster.places for cluster in found] == ([] if places is None else [places])
    assert {cluster.source for cluster in found} <= {"acme-shop_data"}


def test_a_directory_of_the_host() -> None:
    (found,) = said([{"type": "bind", "source": "/srv/acme/shop/data/db", "target": f"{HOME}/data"}])
    assert (found.source, found.bound, found.major) == ("/srv/acme/shop/data/db", True, 17)


def test_what_is_not_known() -> None:
    assert clusters("") == []
    assert clusters("{}") == []


@pytest.mark.parametrize(
    ("content", "major"),
    [
        (b"17\n", 17),
        (b"17", 17),
        (b"9.6\n", 9),
        (None, None),
        (b"", None),
        (b"17\x1b[2J", None),
        (b"seventeen", None),
        (b"\xff\xfe", None),
        (b"17\n" + b" " * 1000, 17),
    ],
)
def test_the_version_that_the_data_have(content: bytes | None, major: int | None) -> None:
    assert written_major(content) == major


def test_data_of_another_major_version_are_refused() -> None:
    (cluster,) = said([volume(f"{HOME}/data")], image="postgres:18.6")
    refuse_other_major(cluster, 18)
    with pytest.raises(RefusedError) as refused:
        refuse_other_major(cluster, 17)
    error = refused.value
    assert error.message == (
        "the volume acme-shop_data has data of PostgreSQL 17, which the image postgres:18.6 cannot read"
    )
    assert (error.field, error.value) == ("compose.yml/services/db/image", "postgres:18.6")
    assert error.expected == "an image of PostgreSQL 17"
    assert "a dump and a restore" in str(error.hint)
