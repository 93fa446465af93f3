# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say whether a host has a domain. A verb on a fleet asks every host before it acts on one, so this reads little.

Note that this module is **private** to the collection.
"""

from __future__ import annotations

from ..._core.nearest import nearest
from ..._core.proxy.plan import site_of
from ..._core.result import Result
from ..._core.site.placement import Place
from ..store.generations import Generations
from ..store.layout import Paths
from ..store.manifests import manifest_domains

__all__ = ("find_site",)


def find_site(domain: str, *, paths: Paths | None = None) -> Result:
    """Return what this host has of a domain, under ``place``. Names are compared with all names of the live sites."""
    paths = paths or Paths()
    generations = Generations(paths)
    live = generations.live_number()
    record = generations.record(live)
    index = record.sites if record else {}
    # Without its record a generation is read from its files.
    listed = () if record else filter(None, map(site_of, generations.read(live).files))
    names = {name for entry in index.values() for name in entry["names"]}
    known = {*index, *listed, *names, *manifest_domains(paths)}
    if domain in known:
        return Result(data={"place": Place(site=True).as_mapping()})
    place = Place(remains=tuple(_remains(paths, domain)), near=tuple(nearest(domain, known)))
    return Result(data={"place": place.as_mapping()})


def _remains(paths: Paths, domain: str) -> list[str]:
    places = {
        "a certificate": (paths.letsencrypt / "live" / domain, paths.selfsigned / domain),
        "users": (paths.htpasswd / domain,),
        "a removal that was cut off": (paths.unprovision / f"{domain}.json",),
    }
    return [words for words, found in places.items() if any(place.exists() for place in found)]
