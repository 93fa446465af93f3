"""Who may send beats of a node: its token, on its machine, until the token is replaced or revoked."""

from __future__ import annotations

import pytest

from hub.registry import OperationError, Registration, register, remove, revoke, rotate, show
from hubapp import Hub
from hubnode import NodeAgent, container, sections


def refused(response: object, status: int, code: str) -> None:
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)  # type: ignore[attr-defined]


def described(agent: NodeAgent, **more: str) -> Registration:
    values = {"node": agent.node, "hostname": f"{agent.node}.example.com", "address": agent.address}
    return Registration(**{**values, "provider": "infomaniak", **more})


def test_wrong_tokens_have_one_answer(hub: Hub) -> None:
    agent, other = hub.agent("vps-01"), hub.agent("vps-02")
    agent.accepted(hub.client)
    before = hub.database.contents()
    secret = agent.token.rpartition(".")[2]
    wrong = [
        "",
        "vsa1",
        agent.token[:-1],
        agent.token[:20],
        agent.token + "A",
        agent.token.lower(),
        f"vsa1.vps-99.{secret}",
        f"vsa1.vps-02.{secret}",
        f"vsa2.vps-01.{secret}",
        f"vsa1.vps-01.{'A' * 43}",
        other.token.replace("vps-02", "vps-01"),
        "vsa1.' or 1=1 --." + secret,
        "x" * 5000,
    ]
    answers = set()
    for token in wrong:
        response = hub.client.post(
            "/api/v1/agent/beat", content=agent.body(), headers={**agent.headers, "Authorization": f"Bearer {token}"}
        )
        refused(response, 401, "token_unknown")
        answers.add((response.text, tuple(sorted(response.headers.items()))))
    assert len(answers) == 1
    for scheme in ("", "Basic ", "bearer"):
        headers = {**agent.headers, "Authorization": f"{scheme}{agent.token}"}
        refused(hub.client.post("/api/v1/agent/beat", content=agent.body(), headers=headers), 401, "token_unknown")
    assert hub.database.contents() == before
    assert agent.send(hub.client).status_code == 200


def test_a_token_of_another_node_cannot_speak_for_this_one(hub: Hub) -> None:
    one, two = hub.agent("vps-01"), hub.agent("vps-02")
    one.accepted(hub.client, sections(hub.clock(), containers=[container(1)]))
    before = hub.database.rows("select * from container")
    response = two.send(hub.client, sections(hub.clock(), containers=[]), node="vps-01")
    refused(response, 400, "bad_beat")
    assert hub.database.rows("select * from container") == before


def test_no_token_is_in_the_database(hub: Hub) -> None:
    agent = hub.agent()
    agent.accepted(hub.client, sections(hub.clock(), containers=[container(1)]))
    again = rotate(hub.database.engine, agent.node, at=hub.clock())["token"]
    dump = hub.database.dump()
    for token in (agent.token, again):
        assert token not in dump
        assert token.rpartition(".")[2] not in dump
    assert show(hub.database.engine, at=hub.clock())["nodes"][0]["id"] == "vps-01"
    assert "hash" not in str(show(hub.database.engine, at=hub.clock()))


def test_a_revoked_token_is_refused_at_once(hub: Hub) -> None:
    agent = hub.agent()
    agent.accepted(hub.client, sections(hub.clock(), containers=[container(1)]))
    assert revoke(hub.database.engine, "vps-01", at=hub.clock()) == {"changed": True}
    before = hub.database.contents()
    refused(agent.send(hub.client), 401, "token_revoked")
    assert hub.database.contents() == before
    assert revoke(hub.database.engine, "vps-01", at=hub.clock()) == {"changed": False}
    assert len(hub.node()["sections"]["containers"]["rows"]) == 1, "the last data stay"


def test_a_rotation_loses_no_beat(hub: Hub) -> None:
    agent = hub.agent()
    agent.accepted(hub.client)
    old = agent.token
    new = rotate(hub.database.engine, "vps-01", at=hub.clock())["token"]
    agent.accepted(hub.client)
    agent.token = new
    agent.accepted(hub.client)
    agent.token = old
    refused(agent.send(hub.client), 401, "token_revoked")


def test_a_rotated_token_ends_after_a_day(hub: Hub) -> None:
    agent = hub.agent()
    agent.accepted(hub.client)
    rotate(hub.database.engine, "vps-01", at=hub.clock())
    hub.clock.forward(86_400 - 60)
    agent.accepted(hub.client)
    hub.clock.forward(86_400)
    refused(agent.send(hub.client), 401, "token_revoked")


def test_the_second_of_two_rotations_counts(hub: Hub) -> None:
    agent = hub.agent()
    agent.accepted(hub.client)
    first = rotate(hub.database.engine, "vps-01", at=hub.clock())["token"]
    hub.clock.forward(1)
    second = rotate(hub.database.engine, "vps-01", at=hub.clock())["token"]
    agent.accepted(hub.client)
    agent.token = first
    refused(agent.send(hub.client), 401, "token_revoked")
    agent.token = second
    agent.accepted(hub.client)


def test_a_rotation_before_the_first_beat_keeps_the_new_token(hub: Hub) -> None:
    agent = hub.agent()
    hub.clock.forward(1)
    new = rotate(hub.database.engine, "vps-01", at=hub.clock())["token"]
    agent.accepted(hub.client)
    agent.token = new
    agent.accepted(hub.client)


def test_a_second_machine_is_refused_and_needs_attention(hub: Hub) -> None:
    agent = hub.agent(address="203.0.113.7")
    agent.accepted(hub.client, sections(hub.clock(), containers=[container(1)]))
    clone = agent.copy(address="198.51.100.9", machine=True)
    before = hub.database.rows("select * from container")
    for _beat in range(3):
        refused(clone.send(hub.client, sections(hub.clock(), containers=[])), 409, "other_machine")
    assert hub.database.rows("select * from container") == before
    shown = hub.node()
    [item] = shown["attention"]
    assert (item["kind"], item["times"]) == ("other_machine", 3)
    assert item["addresses"] == ["198.51.100.9", "203.0.113.7"]
    assert shown["refused"]["code"] == "other_machine"
    # The first machine goes on.
    agent.accepted(hub.client, sections(hub.clock(), containers=[container(1)]))
    # A new token settles it: whoever uses it first is the machine.
    clone.token = rotate(hub.database.engine, "vps-01", at=hub.clock())["token"]
    clone.accepted(hub.client)
    assert hub.node()["attention"] == []
    refused(agent.send(hub.client), 401, "token_revoked")


def test_a_copied_machine_with_its_state_is_noticed(hub: Hub) -> None:
    """Both copies have the same machine, epoch and number, so one beat of each pair would be taken for a replay."""
    agent = hub.agent(address="203.0.113.7")
    agent.accepted(hub.client)
    clone = agent.copy(address="198.51.100.9")
    agent.accepted(hub.client, sections(hub.clock(), containers=[container(1)]))
    assert clone.send(hub.client, sections(hub.clock(), containers=[container(2)])).json()["result"] == "repeated"
    [item] = hub.node()["attention"]
    assert item["kind"] == "two_agents"
    assert "198.51.100.9" in item["addresses"]


def test_a_restored_image_goes_on_with_a_new_epoch(hub: Hub) -> None:
    agent = hub.agent()
    agent.accepted(hub.client, sections(hub.clock(), containers=[container(1)]))
    image = agent.copy(address=agent.address)
    for _beat in range(3):
        agent.accepted(hub.client, sections(hub.clock(), containers=[container(1), container(2)]))
    answer = image.send(hub.client, sections(hub.clock(), containers=[container(1)])).json()
    assert (answer["result"], answer["sequence"]) == ("stale", 4)
    image.epoch, image.sequence = "ab" * 16, 0
    image.accepted(hub.client, sections(hub.clock(), containers=[container(1)]))
    assert len(hub.node()["sections"]["containers"]["rows"]) == 1


def test_a_node_is_registered_once(hub: Hub) -> None:
    agent = hub.agent()
    engine = hub.database.engine
    before = hub.database.contents()
    # Also if nothing came from it yet: the operator may hold the token.
    with pytest.raises(OperationError, match="registered"):
        register(engine, described(agent), at=hub.clock())
    assert hub.database.contents() == before
    with pytest.raises(OperationError, match="registered"):
        register(engine, described(agent, provider="kamatera"), at=hub.clock())
    agent.accepted(hub.client)
    with pytest.raises(OperationError, match="registered"):
        register(engine, described(agent), at=hub.clock())
    with pytest.raises(OperationError, match="vps-01 has this address"):
        register(engine, described(agent, node="vps-02"), at=hub.clock())
    assert hub.database.contents(without=("node", "token")) == {
        name: rows for name, rows in before.items() if name not in ("node", "token")
    }
    assert hub.database.value("select count(*) from node") == 1
    # After a revocation the node may be registered anew, with other values.
    revoke(engine, "vps-01", at=hub.clock())
    agent.token = register(engine, described(agent, provider="kamatera"), at=hub.clock())["token"]
    agent.accepted(hub.client)
    assert hub.node()["provider"] == "kamatera"


def test_a_node_is_removed_with_everything(hub: Hub) -> None:
    agent, other = hub.agent("vps-01"), hub.agent("vps-02")
    for each in (agent, other):
        each.accepted(hub.client, sections(hub.clock(), containers=[container(1)]))
    done = remove(hub.database.engine, "vps-01", at=hub.clock())
    assert done["changed"]
    assert done["removed"]["containers"] == 1
    assert remove(hub.database.engine, "vps-01", at=hub.clock())["changed"] is False
    refused(agent.send(hub.client), 401, "token_unknown")
    assert hub.client.get("/api/v1/nodes/vps-01").status_code == 404
    assert "vps-01" not in hub.database.dump()
    assert len(hub.node("vps-02")["sections"]["containers"]["rows"]) == 1
