# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was typed with ``-e`` at Ansible's own door, judged before any host is asked.

Ansible ignores a variable that nothing reads. So a mistyped option would be left out without a word, and another site,
or every site, would change. The variables of an inventory are not judged: they hold names of other roles too.
Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from .audit.arguments import MASKED_OPTIONS, OTHER_SHOWN_ARGUMENTS, SHOWN_OPTIONS
from .door import DOOR, came_by_command
from .errors import UsageError
from .nearest import nearest

__all__ = ("CONFIRMED", "DESTROYING", "KNOWN", "REQUIRED", "SHORT_NAMES_OF", "judge_extra_vars")

CONFIRMED = "yes"
"""The variable by which an operator confirms at Ansible's door that something is removed."""

_OURS = ("agent_", "site_", "cert_", "auth_", "stack_", "vhost_", "bootstrap_", "audit_", "hub_", "vsa_")
# The wrapper records these arguments of runs, but no playbook reads them.
_NO_VARIABLES = frozenset(("limit", "skip_tags", "tags", "base", "generation", "since"))
_OF_ANSIBLE = {"limit": "--limit", "tags": "--tags", "check": "--check", "diff": "--diff", "inventory": "-i"}
_APPLY = "apply"

KNOWN = (
    frozenset(OTHER_SHOWN_ARGUMENTS)
    .difference(_NO_VARIABLES)
    .union(
        *SHOWN_OPTIONS.values(),
        *MASKED_OPTIONS.values(),
        (DOOR, "vsa_audit_id", "vsa_actor", "vsa_sites", "vsa_vhost_templates_dir"),
    )
)
"""Every variable that a playbook or a role of VSA reads."""

REQUIRED: Mapping[str, tuple[str, ...]] = {
    "auth.add": ("domain",),
    "auth.remove": ("domain",),
    "cert.issue": ("domain",),
    "cert.revoke": ("domain",),
    "site.maintenance": ("domain", "maintenance"),
    "site.provision": ("domain",),
    "site.rename": ("domain",),
    "site.rollback": ("domain",),
    "site.show": ("domain",),
    "site.unprovision": ("domain",),
    "vhost.show": ("domain",),
}
"""By verb: the short names that the verb can't do without."""

_OPTIONAL: Mapping[str, tuple[str, ...]] = {
    "auth.list": ("domain",),
    "cert.renew": ("domain",),
    "cert.status": ("domain",),
    "site.list": ("domain",),
    "site.provision": ("upstream",),
    "vhost.history": ("domain",),
    "vhost.list": ("domain",),
}

SHORT_NAMES_OF = {verb: (*REQUIRED.get(verb, ()), *_OPTIONAL.get(verb, ())) for verb in sorted({*REQUIRED, *_OPTIONAL})}
"""By verb: the short names that the verb takes."""

_SHORT_NAMES = ("domain", "upstream", "maintenance")

DESTROYING: Mapping[str, str] = {
    "auth.remove": "opens paths to everybody, and forgets their users",
    "cert.revoke": "revokes a certificate",
    "site.unprovision": "removes the site, and the containers that no other site uses",
    "stack.restore": "replaces the data of the stack by those of a backup, and keeps the old ones beside",
    "stack.down": "stops the stack and removes its containers",
}
"""By verb: what the verb does that the operator confirms first."""


def judge_extra_vars(typed: Mapping[str, object], *, verb: str, defined: Collection[str] = (), check: bool) -> None:
    """Raise UsageError if what was typed with ``-e`` isn't what the verb will do.

    * ``typed``: the extra variables and their values.
    * ``defined``: the variables of the play. A playbook that imports ours may set the short names in them.
    * ``check``: a run that changes nothing needs no confirmation.
    """
    if came_by_command(typed):
        return
    _refuse_unknown(typed, verb=verb)
    _refuse_unread(typed, verb=verb)
    _refuse_incomplete(typed, defined, verb=verb)
    if not check and verb in DESTROYING and not _is_confirmed(typed, verb=verb):
        raise UsageError(
            f"{verb} {DESTROYING[verb]}, and nobody has confirmed that",
            field=CONFIRMED,
            value="(not given)",
            expected=f"-e {CONFIRMED}=true; --check says what would go",
        )


def _refuse_unknown(typed: Iterable[str], *, verb: str) -> None:
    """Raise UsageError for names that nobody reads: each name that begins like ours, and each that is near to ours."""
    noun = verb.partition(".")[0]
    wrong: dict[str, list[str]] = {}
    for name in sorted(set(typed) - KNOWN):
        option = f"{noun}_{name}"
        meant = [_OF_ANSIBLE[name]] if name in _OF_ANSIBLE else [option] if option in KNOWN else nearest(name, KNOWN)
        if meant or name.startswith(_OURS):
            wrong[name] = meant
    if not wrong:
        return
    sentences = [_did_you_mean(name, meant) for name, meant in wrong.items()]
    raise UsageError(
        f"VSA has no variable {sentences[0]}",
        field="-e",
        value=next(iter(wrong)),
        expected="a variable of the verb, as its role's README lists them",
        details=[f"nor {sentence}" for sentence in sentences[1:]],
    )


def _did_you_mean(name: str, meant: Collection[str]) -> str:
    return f"{name}: did you mean {' or '.join(meant)}?" if meant else name


def _refuse_unread(typed: Mapping[str, object], *, verb: str) -> None:
    """Raise UsageError for a short name that this verb doesn't read."""
    for name in _SHORT_NAMES:
        if name in typed and name not in SHORT_NAMES_OF.get(verb, ()):
            raise UsageError(
                f"{verb} does not read {name}",
                field="-e",
                value=f"{name}={typed[name]}",
                expected=", ".join(SHORT_NAMES_OF.get(verb, ())) or f"a verb that takes {name}",
            )
    if _APPLY in typed and "domain" in typed:
        raise UsageError(
            "either one site is named, or all are applied", field="-e", value=_APPLY, expected="one of both"
        )


def _refuse_incomplete(typed: Collection[str], defined: Collection[str], *, verb: str) -> None:
    """Raise UsageError if a value is missing that the verb can't do without."""
    noun = verb.partition(".")[0]
    for name in REQUIRED.get(verb, ()):
        # The play itself makes site_domain from domain, so site_domain counts only if it was typed.
        if name not in typed and name not in defined and f"{noun}_{name}" not in typed:
            example = {"maintenance": "maintenance=true"}.get(name, f"{name}=shop.example.com")
            everything = f", or -e {_APPLY}=true with site.yml to apply every site that the inventory declares"
            raise UsageError(
                f"{name} is missing",
                field="-e",
                value="(not given)",
                expected=f"-e {example}{everything if verb == 'site.provision' else ''}",
            )


def _is_confirmed(typed: Mapping[str, object], *, verb: str) -> bool:
    """Say whether the operator confirmed, or the run destroys nothing."""
    if verb == "auth.remove" and ("auth_user" in typed):
        return True
    return str(typed.get(CONFIRMED)).lower() in ("true", "yes", "on", "1", "y")
