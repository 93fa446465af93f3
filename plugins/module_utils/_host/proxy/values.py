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

__all__ = ("Answer", "Change", "Desired", "Outcome", "Prepared", "Request")


@dataclass(frozen=True)
class Change:
    """The change of one site, in one of three forms.

    * ``requested`` and ``unset``: fields of the manifest with their new values, and fields that return to their
      default. All other fields stay as the manifest has them.
    * ``site``: the complete site. It replaces what the manifest says.
    * ``absent``: the proxy stops serving the site.
    """

    domain: str
    requested: Mapping[str, object] = field(default_factory=dict)
    unset: tuple[str, ...] = ()
    site: Site | None = None
    absent: bool = False


@dataclass(frozen=True)
class Request:
    """What a run requests from the proxy transaction.

    * ``templates``: the text of each template and page of the role ``vhost``.
    * ``changes``: the sites to change. All other sites stay as the live generation has them.
    * ``sync``: take every manifest in /etc/vsa/sites instead of the live generation's manifests.
    * ``answering``: domains whose backend answered before the change. If one of them answers 502 or 504 afterwards,
      the transaction fails.
    * ``settings``: the host's settings if the same run changes them too, otherwise None.
    * ``refused``: manifests that NGINX refuses, by domain, with NGINX's message. Their last good version stays live.
    """

    run: RunContext
    templates: Mapping[str, str]
    changes: tuple[Change, ...] = ()
    sync: bool = False
    answering: tuple[str, ...] = ()
    settings: Settings | None = None
    refused: Mapping[str, str] = field(default_factory=dict)


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


@dataclass
class Outcome:
    """What a commit did. ``proven`` is false if NGINX does not run: the generation is served at NGINX's next start."""

    number: int
    base: int
    proven: bool = False
    answers: dict[str, Answer] = field(default_factory=dict)
    neighbours: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
