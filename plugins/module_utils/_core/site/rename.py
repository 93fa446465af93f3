# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site under another domain.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from ..errors import UsageError
from .manifest import Site, parse, to_manifest

__all__ = ("renamed",)


def renamed(site: Site, domain: str, *, redirect: bool) -> Site:
    """Return a site under another domain, with all of its fields. With ``redirect`` its old names become aliases.

    Aliases stay, except one that is the new domain. The site counts as typed: an inventory that declares the old domain
    does not declare the new one. UsageError if it is the same domain, RefusedError if a field does not fit the new one.
    """
    if domain == site.domain:
        raise UsageError("the site has this domain already", field="to", value=domain, expected="another domain")
    manifest = {**to_manifest(site), "domain": domain, "aliases": ()}
    manifest.pop("origin", None)
    # The names that the new domain brings along are no aliases.
    own = set(parse(manifest).names)
    names = site.names if redirect else site.aliases
    return parse({**manifest, "aliases": [name for name in names if name not in own]})
