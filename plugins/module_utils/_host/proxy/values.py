# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The values of the proxy transaction: what a run requests, what the host should become, and what a commit did.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..._core.networks import EDGE
from ..._core.proxy.plan import Plan
from ..._core.run_context import RunContext
from ..._core.settings import Settings
from ..._core.site.manifest import Site

__all__ = (
    "ALLOW",
    "KEEP",
    "NO_BACKEND",
    "REFUSE",
    "REMOVALS",
    "Answer",
    "Change",
    "Desired",
    "Outcome",
    "Prepared",
    "Request",
)

NO_BACKEND = (502, 504)
"""What NGINX answers if a backend does not."""

ALLOW = "allow"
KEEP = "keep"
REFUSE = "refuse"
REMOVALS = (REFUSE, KEEP, ALLOW)
"""What happens to a live site that a run would remove and that nobody named: refuse the run, keep or remove it."""


@dataclass(frozen=True)
class Change:
    """The change of one site, in one of four forms.

    * ``requested`` and ``unset``: fields of the manifest with their new values, and fields that return to their
      default. All other fields stay as the manifest has them.
    * ``site``: the complete site. It replaces what the manifest says. ``was`` is the former domain of a renamed site,
      whose manifest has the comments.
    * ``text``: the whole text of the manifest, as an earlier generation has it.
    * ``absent``: the proxy stops serving the site.
    """

    domain: str
    requested: Mapping[str, object] = field(default_factory=dict)
    unset: tuple[str, ...] = ()
    site: Site | None = None
    was: str | None = None
    text: str | None = None
    absent: bool = False


@dataclass(frozen=True)
class Request:
    """What a run requests from the proxy transaction.

    * ``templates``: the text of each template and page of the role ``vhost``.
    * ``changes``: the sites to change. All other sites stay as the live generation has them.
    * ``sync``: take every manifest in /etc/vsa/sites instead of the live generation's manifests.
    * ``removal``: what a sync does with a live site that has no manifest, one of REMOVALS.
    * ``answering``: sites that are asked for a page before the change. If one of them answers then and does not
      afterwards, the transaction fails. ``formerly`` maps a new domain to the domain that the site has until then.
    * ``watch``: ask the other changed sites before and after the change too, and name those that do not answer any
      more. They do not fail the transaction.
    * ``settings``: the host's settings if the same run changes them too, otherwise None.
    * ``claimed``: sites of a sync whose upstream a foreign container claims, by domain, with the claim in words. Their
      last good version stays live too.
    * ``refused``: manifests that NGINX refuses, by domain, with NGINX's message. Their last good version stays live.
    """

    run: RunContext
    templates: Mapping[str, str]
    changes: tuple[Change, ...] = ()
    sync: bool = False
    removal: str = ALLOW
    answering: tuple[str, ...] = ()
    formerly: Mapping[str, str] = field(default_factory=dict)
    watch: bool = False
    settings: Settings | None = None
    refused: Mapping[str, str] = field(default_factory=dict)
    claimed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Desired:
    """The generation that a request leads to.

    * ``files``: the text of every file, by its name in the generation. The number is not yet filled in.
    * ``sites``: what generation.json will say about each site, by domain.
    * ``parsed``: the sites that had to be parsed because something about them changed.
    * ``warnings``: notes for the operator; ``invalid``: domains whose manifest is not valid.
    """

    files: dict[str, str]
    sites: dict[str, dict[str, Any]]
    parsed: dict[str, Site]
    warnings: tuple[str, ...]
    invalid: tuple[str, ...]

    @property
    def networks(self) -> tuple[str, ...]:
        """Return the edge networks that the proxy must be connected to."""
        return tuple(sorted({EDGE, *(entry["network"] for entry in self.sites.values())}))


@dataclass(frozen=True)
class Prepared:
    """A plan and the number of the generation that was staged and tested for it; number 0 if nothing has to change.

    ``certificates`` maps each changed site to the problem of its certificate, or to None if the certificate is good.
    It is None if this run did not check the certificates.
    """

    plan: Plan
    desired: Desired
    number: int = 0
    certificates: Mapping[str, str | None] | None = None


@dataclass(frozen=True)
class Answer:
    """The answer of a site's own URL.

    ``status`` is None if no answer came; ``error`` then says why. ``chain`` is None if the certificate chain was
    verified, otherwise it says why not.
    """

    status: int | None
    milliseconds: int
    chain: str | None
    error: str | None = None

    @property
    def silent(self) -> bool:
        """Say whether nobody but the proxy answered."""
        return self.status is None or self.status in NO_BACKEND


@dataclass
class Outcome:
    """What a commit did.

    * ``proven`` is false if NGINX does not run: the generation is served at NGINX's next start. ``base_served`` says
      whether NGINX served the base until then.
    * ``silent``: watched sites that answered before the change and do not now.
    * ``refused``: NGINX refused the generation at the reload.
    """

    number: int
    base: int
    proven: bool = False
    base_served: bool = False
    refused: bool = False
    answers: dict[str, Answer] = field(default_factory=dict)
    neighbours: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
