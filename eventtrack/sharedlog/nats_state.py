"""The nodes of a JetStream cluster, and the settings with which it may lose what it acknowledged.

Only a node's monitoring port tells how often the node syncs its files. By default JetStream syncs
every two minutes, and a power cut of all nodes loses what came since.
"""

import json
from typing import Any

from eventtrack.sharedlog.nats_client import NatsClient, Refused, refused
from eventtrack.sharedlog.protocol import EngineState, Node

_MONITOR_S = 3.0
_ANSWER_BYTES_MAX = 2**20


def engine_state(client: NatsClient, stream: str, barrier: str) -> EngineState:
    """The state of a stream and of its nodes."""
    try:
        info = client.ask(f"STREAM.INFO.{stream}", {"subjects_filter": barrier})
    except Refused as answer:
        raise refused(client.shown, answer) from answer
    state, config = info["state"], info["config"]
    barriers = sum((state.get("subjects") or {}).values())
    risks = risks_of(client, config["num_replicas"])
    if config["storage"] != "file":
        risks.append("the stream is in memory; make the log anew")
    if config.get("persist_mode") == "async":
        risks.append("the stream is written later (persist_mode async); make the log anew")
    return EngineState(
        f"NATS {client.version}",
        state["messages"] - barriers,
        state["bytes"],
        _nodes(info.get("cluster") or {}),
        risks,
    )


def risks_of(client: NatsClient, replicas: int) -> list[str]:
    """The risks of a cluster with that many copies of each stream."""
    risks = []
    if replicas < 3:
        risks.append(f"{replicas} of 3 copies: the loss of a disk loses the log; use --replicas 3")
    monitors = client.address.monitors
    if not monitors:
        risks.append(
            "it is not known how often the nodes sync their files; name their monitoring port: "
            "nats://HOST/NAME?monitor=8222"
        )
    for place in monitors:
        trouble = _trouble(place)
        if trouble:
            risks.append(f"{place}: {trouble}")
    return risks


def _nodes(cluster: dict[str, Any]) -> list[Node]:
    leader = cluster.get("leader") or ""
    nodes = [Node(leader, "leader")] if leader else []
    for each in cluster.get("replicas") or []:
        trouble = ""
        if each.get("offline"):
            trouble = "offline"
        elif not each.get("current"):
            trouble = f"{each.get('lag', 0)} messages behind"
        nodes.append(Node(each.get("name", ""), "follower", trouble))
    return nodes


def _trouble(place: str) -> str:
    """The trouble with a node's settings, by its monitoring port; empty if all is well."""
    import urllib3

    try:
        with urllib3.PoolManager() as pool:
            answer = pool.request(
                "GET",
                f"http://{place}/jsz?config=1",
                timeout=_MONITOR_S,
                retries=False,
                preload_content=False,
            )
            config = json.loads(answer.read(_ANSWER_BYTES_MAX)).get("config") or {}
    except (urllib3.exceptions.HTTPError, ValueError, AttributeError) as error:
        return f"its monitoring port does not answer ({type(error).__name__})"
    if config.get("sync_always"):
        return ""
    interval = int(config.get("sync_interval") or 0) / 10**9
    return (
        f"it syncs its files every {interval:g} seconds, and a power cut loses what came since; "
        "set jetstream { sync_interval: always }"
    )
