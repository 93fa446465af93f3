"""A fleet that changes while it is read: each answer is one state of each node, and what PostgreSQL itself says."""

from __future__ import annotations

import random
import threading
from collections import Counter
from typing import Any

from hubapp import Hub
from hubnode import NodeAgent, container, domain, sections

STATES: list[dict[str, Any]] = [
    {"health": "healthy"},
    {"health": "unhealthy"},
    {"state": "restarting", "health": None},
    {"state": "exited", "health": None, "exit_code": 1},
    {"state": "exited", "health": None, "exit_code": 0},
]
# What each of them is on the page, said once more by hand.
WORDS = [("ok", "healthy"), ("bad", "unhealthy"), ("bad", "restarting"), ("bad", "exit 1"), ("old", "stopped")]


def test_every_figure_is_the_last_one_that_was_sent(hub: Hub) -> None:
    chance = random.Random(18)
    agents = [hub.agent(f"vps-0{number}") for number in (1, 2, 3)]
    fleet: dict[str, dict[int, int]] = {agent.node: {} for agent in agents}
    for _round in range(25):
        agent = chance.choice(agents)
        there = fleet[agent.node]
        for number in chance.sample(range(30), 8):
            if number in there and chance.random() < 0.3:
                del there[number]
            else:
                there[number] = chance.randrange(len(STATES))
        rows = [container(number, **STATES[state]) for number, state in there.items()]
        agent.accepted(hub.client, sections(hub.clock(), containers=rows))
        hub.clock.forward(-30)

        found = hub.client.get("/api/v1/containers").json()["list"]
        expected = {
            (node, f"web-{number}"): WORDS[state] for node, known in fleet.items() for number, state in known.items()
        }
        assert {(row["node"], row["name"]): (row["kind"], row["word"]) for row in found["rows"]} == expected
        kinds = Counter(kind for kind, _word in expected.values())
        assert {kind: number for kind, number in found["counts"].items() if number} == kinds
        # Asked by another way.
        assert hub.database.value("select count(*) from container") == found["total"] == len(expected)
        tiles = {tile["name"]: tile for tile in hub.client.get("/api/v1/overview").json()["tiles"]}
        assert tiles["Containers"]["value"] == len(expected)
        assert {kind: number for kind, number, _word in tiles["Containers"]["parts"]} == kinds


def test_no_answer_mixes_two_beats_of_a_node(hub: Hub) -> None:
    agents = [hub.agent(f"vps-0{number}") for number in (1, 2)]
    sent: dict[str, int] = dict.fromkeys((agent.node for agent in agents), 0)
    ended = threading.Event()

    def beat(agent: NodeAgent, number: int) -> None:
        image = f"shop:{number}"
        rows = [container(index, image=image) for index in range(40)]
        sites = [domain("shop.example.com", profile=image)]
        agent.accepted(hub.client, sections(hub.clock(), containers=rows, domains=sites))
        sent[agent.node] = number

    def send() -> None:
        for number in range(1, 41):
            for agent in agents:
                beat(agent, number)
        ended.set()

    for agent in agents:
        beat(agent, 0)
    sender = threading.Thread(target=send)
    sender.start()
    seen: dict[str, int] = {}
    answers = 0
    while not ended.is_set() or answers < 5:
        before = dict(sent)
        view = hub.state.fleet.view()
        answers += 1
        for state in view.snapshot.nodes:
            images = {str(row["image"]) for row in view.rows["containers"] if row["node"] == state.id}
            profiles = {str(row["profile"]) for row in view.rows["domains"] if row["node"] == state.id}
            assert len(images) == 1, "two beats in one answer"
            assert images == profiles, "two sections of two beats in one answer"
            number = int(images.pop().removeprefix("shop:"))
            assert number >= max(before[state.id], seen.get(state.id, 0)), "an older state than one that was shown"
            seen[state.id] = number
    sender.join()
    assert answers > 5
    assert set(seen.values()) == {40}
