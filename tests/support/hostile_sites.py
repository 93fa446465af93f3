"""Sites made of the accepted hostile values, and what each site must mean to NGINX."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import batched
from typing import Any

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.manifest import Site

from making import make_site
from nginx_text import Meaning

__all__ = ("Expected", "sites_of")


@dataclass(frozen=True)
class Expected:
    """A site, and what it must mean."""

    site: Site
    meaning: Meaning


def _expected(
    domain: str, routes: dict[str, tuple[str, int]], *, aliases: Sequence[str] = (), tenant: str = ""
) -> Expected:
    network = f"flowbiz_ext_{tenant}" if tenant else "flowbiz_ext"
    site = make_site(
        domain,
        routes=[{"path": path, "container": name, "port": port} for path, (name, port) in routes.items()],
        aliases=list(aliases),
        tenant=tenant or None,
    )
    targets = {path: f"{name}.{network}:{port}" for path, (name, port) in routes.items()}
    log = f"/var/log/nginx/{domain}.access.log"
    return Expected(site, Meaning(domain, tuple(aliases), targets, f"$vsa_letsencrypt/{domain}", log))


def sites_of(kind: str, accepted: Sequence[Any]) -> Iterator[Expected]:
    """Return sites that use every accepted value once: a domain as name or alias, a route with all its parts."""
    root = ("web-1", 3000)
    if kind == "domain":
        for domain, *aliases in batched(accepted, 3):
            yield _expected(domain, {"/": root}, aliases=aliases)
    elif kind == "tenant":
        for number, tenant in enumerate(accepted):
            yield _expected(f"tenant-{number}.hostile.test", {"/": root}, tenant=tenant)
    elif kind == "route":
        waiting = list(dict.fromkeys(accepted))
        number = 0
        while waiting:  # a site has each path once: a repeated path goes into the next site
            routes = {path: (name, port) for path, name, port in reversed(waiting[:40])}
            yield _expected(f"route-{number}.hostile.test", routes)
            taken = {(path, *target) for path, target in routes.items()}
            waiting = [entry for entry in waiting if entry not in taken]
            number += 1
    else:
        for number, words in enumerate(batched(accepted, 40)):
            targets = [(word, 3000) if kind == "container" else ("web-1", word) for word in words]
            routes = {f"/{place}/": target for place, target in enumerate(targets)}
            yield _expected(f"{kind}-{number}.hostile.test", routes)
