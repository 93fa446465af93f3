"""A task's options and what they say."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.errors import RefusedError, UsageError
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.ids import is_uuid7
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.manifest import FIELDS
from ansible_collections.flowbiz.vsa.plugins.module_utils._host.machine.arguments import SITE_SPEC, audit_id, said_of

WEB = {"path": "/", "container": "web-1", "port": 3000}
NOTHING = dict.fromkeys(SITE_SPEC)


def test_every_field_of_a_manifest_is_an_option() -> None:
    assert set(SITE_SPEC) == {*FIELDS, "upstream", "container", "port", "strip_prefix", "unset"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, {}),
        ({"unset": ["tenant"]}, {}),
        ({"upstream": "web-1:3000"}, {"routes": [WEB]}),
        ({"upstream": "/=web-1:3000,/api/=api-1:8000"},
         {"routes": [WEB, {"path": "/api/", "container": "api-1", "port": 8000}]}),
        ({"routes": ["/=web-1:3000"]}, {"routes": [WEB]}),
        ({"routes": ["/=web-1:3000:llm"], "strip_prefix": ["/"]},
         {"routes": [{**WEB, "profile": "llm"}], "strip_prefix": ["/"]}),
        ({"routes": [WEB]}, {"routes": [WEB]}),
        ({"routes": [{**WEB, "profile": "sse"}, "/x=web-1:1"]},
         {"routes": [{**WEB, "profile": "sse"}, {**WEB, "path": "/x", "port": 1}]}),
        ({"routes": []}, {"routes": []}),
        ({"container": "web-1", "port": "3000"}, {"container": "web-1", "port": "3000"}),
        ({"http3": False, "aliases": [], "rate_burst": 0}, {"http3": False, "aliases": [], "rate_burst": 0}),
        ({"tenant": "", "email": "ops@example.com"}, {"tenant": "", "email": "ops@example.com"}),
    ],
)  # fmt: skip
def test_said_of(options: dict[str, Any], said: dict[str, Any]) -> None:
    assert said_of({**NOTHING, **options}) == said


@pytest.mark.parametrize(
    ("options", "error", "field"),
    [
        ({"upstream": "web-1:3000", "routes": ["/=web-1:3000"]}, UsageError, "upstream"),
        ({"upstream": "web-1:3000", "container": "web-1"}, UsageError, "upstream"),
        ({"upstream": "web-1:3000", "port": 3000}, UsageError, "upstream"),
        ({"upstream": 3000}, RefusedError, "upstream"),
        ({"upstream": ["web-1:3000"]}, RefusedError, "upstream"),
        ({"upstream": {"web-1": 3000}}, RefusedError, "upstream"),
        ({"upstream": ""}, RefusedError, "upstream"),
        ({"routes": ["/=web-1:3000", "nonsense"]}, RefusedError, "routes/1"),
    ],
)
def test_said_of_refuses(options: dict[str, Any], error: type[Exception], field: str) -> None:
    with pytest.raises(error) as caught:
        said_of({**NOTHING, **options})
    assert caught.value.field == field  # type: ignore[attr-defined]


def test_an_audit_id_is_kept_or_made() -> None:
    given = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
    assert audit_id(given) == given
    made = [audit_id(None), audit_id("")]
    assert all(map(is_uuid7, made))
    assert made[0] != made[1]
    with pytest.raises(UsageError, match="this is not a run's id"):
        audit_id("4f6e8a52-0000-4000-8000-000000000000")
