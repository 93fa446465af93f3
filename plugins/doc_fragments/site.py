# Copyright (c) 2026 flowbiz
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a site, shared by the modules that take them."""

from __future__ import annotations


class ModuleDocFragment:
    """Fields of a manifest. A field that is left out stays as the manifest has it."""

    DOCUMENTATION = r"""
options:
  # BEGIN fields of a site (made by `make docs`)
  upstream:
    description: V(NAME:PORT[:PROFILE]), or a comma list of V(PATH=NAME:PORT[:PROFILE]). An alternative
      to C(routes), and to C(container) and C(port). For example V(web-1:3000).
    type: raw
  container:
    description: The container of a site with the single route V(/). For example V(web-1).
    type: raw
  port:
    description: The port on which that container listens. For example V(3000).
    type: raw
  strip_prefix:
    description: The paths of routes whose containers get the request without that path. A request for V(/api/x)
      reaches the container of V(/api/) as V(/x).
    type: list
    elements: raw
  unset:
    description: The fields that return to their default. For example V(profile).
    type: list
    elements: str
  routes:
    description: Which container answers below which path. Each route is V(PATH=NAME:PORT[:PROFILE]), or
      a mapping of C(path), C(container), C(port), C(profile), C(strip_prefix) and C(headers). The list
      replaces the present one.
    type: list
    elements: raw
  aliases:
    description: Further names of the site. The proxy redirects them to the domain. The list replaces the
      present one. For example V(shop.example.net).
    type: list
    elements: raw
  tenant:
    description: The tenant who owns the site. The proxy reaches the containers on this tenant's edge network.
      For example V(acme).
    type: raw
  email:
    description: The contact of the ACME account. For example V(ops@example.com).
    type: raw
  ca:
    description: The certificate authority, V(letsencrypt), V(staging), V(selfsigned) or the https URL of
      an ACME directory.
    type: raw
  profile:
    description: The kind of application, V(web), V(sse), V(websocket), V(upload) or V(llm). It sets timeouts,
      buffering and the body size.
    type: raw
  body_size:
    description: The largest request body, in NGINX's form. It replaces the profile's size. For example
      V(1g).
    type: raw
  http3:
    description: Whether the proxy offers HTTP/3 as well.
    type: bool
  hsts:
    description: Whether browsers are told to use HTTPS only. The proxy never says so with a staging or
      self-signed certificate.
    type: bool
  rate_limit:
    description: How many requests one client may send, V(10r/s) or V(30r/m). A client is an IPv4 address
      or an IPv6 C(/64).
    type: raw
  rate_burst:
    description: How many requests beyond C(rate_limit) pass before the proxy answers 429. For example V(5).
    type: raw
  client_connections:
    description: How many requests one client may have in work at once. Each stream of HTTP/2 counts. For
      example V(500).
    type: raw
  site_connections:
    description: How many requests may be in work at once, whoever sends them. For example V(1000).
    type: raw
  upstream_connections:
    description: How many connections the proxy opens to one container. For example V(200).
    type: raw
  uploads:
    description: How many large request bodies the proxy keeps on disk at once. For example V(8).
    type: raw
  allow:
    description: The networks that may open the site. Everybody else gets 403. The list replaces the present
      one. For example V(203.0.113.0/24, 2001:db8::1).
    type: list
    elements: raw
  trusted_proxies:
    description: The networks of a CDN in front of the host. The proxy believes their C(X-Forwarded-For).
      The list replaces the present one. For example V(198.51.100.0/24).
    type: list
    elements: raw
  timeout:
    description: How long a container may stay silent, in NGINX's form. It replaces the profile's timeout.
      For example V(5m).
    type: raw
  www:
    description: V(add) serves the site as C(www.) with the domain behind it, and redirects the bare domain.
      V(remove) serves the bare domain, and redirects C(www.).
    type: raw
  maintenance:
    description: Whether visitors get a maintenance page with status 503 instead of the site.
    type: bool
  maintenance_allow:
    description: The networks that see the site also during maintenance. The list replaces the present one.
      For example V(203.0.113.7).
    type: list
    elements: raw
  auth:
    description: The paths behind basic auth. Nobody can open them until auth add has added users. The list
      replaces the present one. For example V(/admin/).
    type: list
    elements: raw
  allow_unprotected:
    description: The paths that stay open although they lead to the same container as a protected path.
      The list replaces the present one. For example V(/api/admin/).
    type: list
    elements: raw
  auth_open:
    description: The paths below a path behind basic auth that everybody can open, such as the webhooks
      of an application. Below them the container gets the C(Authorization) header. The list replaces the
      present one. For example V(/admin/hooks/).
    type: list
    elements: raw
  auth_pass:
    description: Whether the container of a path behind basic auth gets the C(Authorization) header.
    type: bool
  # END fields of a site
"""
