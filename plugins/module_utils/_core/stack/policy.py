# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The policy of stacks: what a Compose file of another's hand may not have, because it reaches the host or a tenant.

What ``docker compose config --format json`` says and what is known of the host in, findings out. The rules are in
``rules``. docs/adr says why a Compose file is judged at all.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import RefusedError
from ..finding import Finding
from ..hints import Hint
from .rules.catalogue import NEVER, violation
from .rules.facts import Facts
from .rules.files import judge_builds, judge_mounts, judge_sources, judge_volumes
from .rules.kernel import judge_kernel
from .rules.networks import judge_labels, judge_names, judge_networks, judge_ports, judge_project

__all__ = ("judge", "refusal", "said_by_compose", "unescaped")

_TOP_KEYS = frozenset("name version services networks volumes configs secrets".split())


def unescaped(value: Any) -> Any:
    """Return a configuration with ``$$`` read as ``$``: Compose writes the dollar so that it can read it again."""
    if isinstance(value, str):
        return value.replace("$$", "$")
    if isinstance(value, Mapping):
        return {str(key).replace("$$", "$"): unescaped(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [unescaped(entry) for entry in value]
    return value


def said_by_compose(text: str) -> Any:
    """Return what ``docker compose config --format json`` says, unescaped; an empty text says nothing."""
    return unescaped(json.loads(text)) if text else {}


def judge(config: Mapping[str, Any], facts: Facts) -> list[Finding]:
    """Return what a stack may not have, sorted by name and subject; empty if the stack may run.

    ``config`` is unescaped, see :func:`unescaped`.
    """
    others = frozenset(entry.image for entry in facts.containers if not facts.is_own(entry))
    found: list[Finding] = [*judge_project(facts), *_unknown_keys(config)]
    for name, service in (config.get("services") or {}).items():
        found += judge_kernel(str(name), service or {})
    found += [*judge_mounts(config, facts), *judge_volumes(config, facts), *judge_sources(config, facts)]
    found += judge_builds(config, facts, others)
    found += [*judge_networks(config, facts), *judge_ports(config, facts)]
    found += [*judge_names(config, facts), *judge_labels(config)]
    return sorted(dict.fromkeys(found), key=lambda finding: (finding.name, finding.subject))


def _unknown_keys(config: Mapping[str, Any]) -> list[Finding]:
    unknown = [key for key in config if key not in _TOP_KEYS and not key.startswith("x-")]
    return [violation("unknown-key", key, f"the key {key} is unknown to this VSA") for key in unknown]


def refusal(name: str, findings: Iterable[Finding]) -> RefusedError:
    """Return the error that lists all findings of a stack, with what is allowed instead."""
    listed = list(findings)
    names = list(dict.fromkeys(finding.name for finding in listed))
    hint = None
    if not set(names) & set(NEVER):
        hint = Hint("stack.up", {"name": name, "allow": names}, note="if you know and want each of them")
    return RefusedError(
        f"the stack {name} reaches the host or another tenant: {', '.join(names)}",
        field="stack",
        value=name,
        details=[f"{finding.name}: {finding.text}. Allowed: {finding.remedy}" for finding in listed],
        hint=hint,
    )
