# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The allow-lists of the stack docker-api as a table of requests, as clients type them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

NGINX = Path(__file__).resolve().parents[3] / "stacks/docker-api/nginx"
CONTAINER = "3f4e" + "0" * 60

# A request, and whether the instances `list` and `inspect` pass it on.
REQUESTS: list[tuple[str, bool, bool]] = [
    ("GET /_ping", True, True),
    ("GET /version", True, True),
    ("GET /v1.45/version", True, True),
    ("GET /containers/json", True, True),
    ("GET /v1.41/containers/json?all=1", True, True),
    ("GET /v1.41/containers/json?all=true&limit=0", True, True),
    ("GET /v1.41/containers/json?filters=%7B%22label%22%3A%5B%22a%22%5D%7D", True, True),
    ("GET /v1.44/events?since=1764400000&filters=%7B%22type%22%3A%5B%22container%22%5D%7D", True, True),
    # What only cAdvisor needs: it has all variables of all containers.
    ("GET /info", False, True),
    ("GET /v1.44/info", False, True),
    (f"GET /v1.44/containers/{CONTAINER}/json", False, True),
    ("GET /containers/shop-web-1/json", False, True),
    # Docker's client asks by HEAD first, and by GET if HEAD is refused.
    ("HEAD /_ping", False, False),
    # What changes something, or runs something.
    ("POST /containers/create", False, False),
    (f"POST /v1.44/containers/{CONTAINER}/exec", False, False),
    (f"POST /v1.44/containers/{CONTAINER}/stop", False, False),
    (f"DELETE /v1.44/containers/{CONTAINER}", False, False),
    ("POST /containers/json", False, False),
    ("PUT /containers/json", False, False),
    ("get /containers/json", False, False),
    ("POST /session", False, False),
    # What reads more than the list.
    (f"GET /v1.44/containers/{CONTAINER}/logs?stdout=1", False, False),
    (f"GET /v1.44/containers/{CONTAINER}/archive?path=/", False, False),
    (f"GET /v1.44/containers/{CONTAINER}/export", False, False),
    (f"GET /v1.44/containers/{CONTAINER}/top", False, False),
    (f"GET /v1.44/containers/{CONTAINER}/attach/ws", False, False),
    (f"GET /v1.44/containers/{CONTAINER}/json?size=1", False, False),
    # The sizes of all containers take the engine minutes.
    ("GET /containers/json?size=1", False, False),
    ("GET /containers/json?all=1&size=true", False, False),
    ("GET /images/json", False, False),
    ("GET /images/app:1/get", False, False),
    ("GET /secrets", False, False),
    ("GET /networks", False, False),
    ("GET /volumes", False, False),
    ("GET /system/df", False, False),
    ("GET /swarm/unlockkey", False, False),
    ("GET /plugins", False, False),
    ("GET /", False, False),
    # Other spellings of a path that is on the list.
    ("GET //containers/json", False, False),
    ("GET /containers//json", False, False),
    ("GET /containers/../info", False, False),
    ("GET /containers/..%2finfo", False, False),
    ("GET /containers/%2e%2e/json", False, False),
    ("GET /containers/a%2f..%2fb/json", False, False),
    ("GET /containers/../json", False, False),
    ("GET /containers/./json", False, False),
    ("GET /v1.44/containers/json/", False, False),
    ("GET /v1.44/containers/json;x", False, False),
    ("GET /v1.44/containers/json#x", False, False),
    ("GET /v2.0/containers/json", False, False),
    ("GET /v1.44/../containers/json", False, False),
    ("GET /_ping/../containers/x/json", False, False),
    ("GET /_ping?x=/containers/json", False, False),
    ("GET /events?until=1/../containers", False, False),
    ("GET http://docker/containers/json", False, False),
]


def allow_list(instance: str) -> list[re.Pattern[str]]:
    """Return the expressions of the map of an instance; every other request is refused."""
    text = (NGINX / f"{instance}.conf").read_text(encoding="utf-8")
    table = re.search(r'map "\$request_method \$request_uri" \$allowed \{\n(.*?)\n    \}', text, re.DOTALL)
    assert table
    default, *lines = [line.strip() for line in table[1].splitlines()]
    assert default == "default 0;"
    found = [re.fullmatch(r'"~(\^.*\$)" 1;', line) for line in lines]
    assert all(found), "each expression is anchored at both ends"
    return [re.compile(match[1]) for match in found if match]


@pytest.mark.parametrize(("request_line", "in_list", "in_inspect"), REQUESTS, ids=[row[0][:60] for row in REQUESTS])
def test_only_what_is_on_the_list_passes(request_line: str, in_list: bool, in_inspect: bool) -> None:
    passed = [any(form.search(request_line) for form in allow_list(name)) for name in ("list", "inspect")]
    assert passed == [in_list, in_inspect]


def test_the_list_shows_no_variables() -> None:
    """The instance `list` has no expression that `inspect` lacks, and none with the name of a single container."""
    of_list, of_inspect = ({form.pattern for form in allow_list(name)} for name in ("list", "inspect"))
    shared = of_list & of_inspect
    assert len(shared) == 2
    assert not [form for form in of_list if re.compile(form).search("GET /containers/x/json")]


def test_a_body_is_refused_and_no_header_is_passed_on() -> None:
    text = (NGINX / "server.conf").read_text(encoding="utf-8")
    assert text.index("if ($has_body)") < text.index("if ($allowed = 0)") < text.index("proxy_pass http://engine;")
    for line in ("proxy_pass_request_headers off;", "proxy_pass_request_body off;"):
        assert line in text
