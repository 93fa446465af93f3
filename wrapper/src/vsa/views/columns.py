"""What both doors show, from the collection: columns, states and words.

Like ``vsa.core`` this file passes on names of the collection. It is imported only if something is shown, because
``vsa --help`` shows none of it.
"""

from __future__ import annotations

from ansible_collections.flowbiz.vsa.plugins.module_utils._core.agent.shown import (
    AGENT_TITLES,
    LATE_STATES,
    agent_cells,
    agent_rank,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.audit.shown import (
    acted_on,
    generation_lines,
    run_state,
    run_time,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.auth.shown import USERS
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.cert.shown import (
    CERTIFICATES,
    certificate_pairs,
    renewal_problem,
)
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.host.shown import SIGNS, counted, ping_words
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.listing import LAST, Listing
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.proxy.shown import GENERATIONS, VHOSTS, about_vhost
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.site.shown import SITES, causes, site_pairs
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.backup.shown import BACKUPS
from ansible_collections.flowbiz.vsa.plugins.module_utils._core.stack.shown import (
    CONTAINERS,
    STACKS,
    log_lines,
    with_containers,
)

__all__ = (
    "AGENT_TITLES",
    "BACKUPS",
    "CERTIFICATES",
    "CONTAINERS",
    "GENERATIONS",
    "LAST",
    "LATE_STATES",
    "SIGNS",
    "SITES",
    "STACKS",
    "USERS",
    "VHOSTS",
    "Listing",
    "about_vhost",
    "acted_on",
    "agent_cells",
    "agent_rank",
    "causes",
    "certificate_pairs",
    "counted",
    "generation_lines",
    "log_lines",
    "ping_words",
    "renewal_problem",
    "run_state",
    "run_time",
    "site_pairs",
    "with_containers",
)
