"""What the Traffic page costs Loki: a busy domain with 150,000 lines a day."""

from __future__ import annotations

import time

import pytest

from hub.traffic.panels import PANELS
from hubdatabase import Postgres
from lokidata import cpu_seconds, entries, fresh_loki, push, traffic_hub, until_found

SHOP = "shop.example.com"
DAY, HOUR = 86400, 3600
LINES = 150_000
NOW = int(time.time()) // HOUR * HOUR
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"


@pytest.mark.long
@pytest.mark.timeout(600)
def test_all_panels_of_a_busy_day_cost_five_seconds_of_loki_at_most(postgres: Postgres) -> None:
    loki = fresh_loki("traffic-cost")
    try:
        push(loki, entries(LINES, SHOP, start=NOW - DAY, end=NOW - 1, agent=AGENT))
        until_found(loki, SHOP, LINES)
        with postgres.database() as database, traffic_hub(database, loki, at=NOW) as page:
            page.knows([SHOP])
            costs = {}
            for panel in PANELS:
                before = cpu_seconds(loki)
                cost = page.panel(panel, domain=SHOP, range="24h")["cost"]
                costs[panel] = round(cpu_seconds(loki) - before, 2)
                print(panel, costs[panel], cost)
            before = cpu_seconds(loki)
            for panel in PANELS:
                page.panel(panel, domain=SHOP, range="24h")
            again = cpu_seconds(loki) - before
            print("in all", round(sum(costs.values()), 2), "and at once again", round(again, 2))
    finally:
        loki.remove()
    assert sum(costs.values()) <= 5, costs
    assert again <= 0.2, "everything is in memory"
