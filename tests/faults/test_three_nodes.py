"""The pipeline on three nodes: the loss of any node loses no report and counts none twice."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from shared.domain.lanes import Lane
from shared.events import topics
from tests.support.kafka.cluster_faults import Stalls, active_controller, is_whole, leader_of, steady_writer
from tests.support.kafka.clusters import ProtectedKafka, comes_back, protected_kafka
from tests.support.ledger import assert_counted_once, assert_on_their_topics
from tests.support.processes.load import Load
from tests.support.processes.stack import running_stack
from tests.support.waiting import eventually

AT_ONCE = 10
PACE_SECONDS = 2.0  # limits the load to some hundred reports, since three nodes share a small machine
WHOLE_SECONDS = 90.0
SEED = 20_260_131
# A kill takes the session timeout of 2 s and an election; this limit only detects clients that hang.
LONGEST_STALL_SECONDS = 30.0


async def _kill_leader(kafka: ProtectedKafka) -> None:
    """Kill the node that leads most of the emergency topic's partitions."""
    node = kafka.node(await leader_of(kafka, topics.reports(Lane.EMERGENCY)))
    node.kill()
    await comes_back(node)


async def _kill_controller(kafka: ProtectedKafka) -> None:
    """Kill the active controller."""
    node = kafka.node(active_controller(kafka))
    node.kill()
    await comes_back(node)


async def _restart_all(kafka: ProtectedKafka) -> None:
    """Restart the nodes one by one, as in an upgrade: each after the previous one has caught up."""
    for node in kafka.cluster.nodes:
        await node.end()
        await comes_back(node)
        await eventually(lambda: is_whole(kafka), WHOLE_SECONDS)


FAULTS: dict[str, Callable[[ProtectedKafka], Awaitable[None]]] = {
    "kill of the leader": _kill_leader,
    "kill of the controller": _kill_controller,
    "restart of all, one by one": _restart_all,
}


@pytest.mark.timeout(600)
async def test_no_node_is_needed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With leader and controller killed and all nodes restarted, each 202 is counted once and on its OPD's topic."""
    async with (
        protected_kafka(tmp_path) as kafka,
        running_stack(tmp_path, kafka=kafka.administrator) as stack,
        steady_writer(kafka) as stalls,
    ):
        load = Load(stack.url("intake"), stack.api_keys, run="three-nodes", seed=SEED)
        for name, cause in FAULTS.items():
            longest = await _under_load(load, stalls, cause(kafka))
            with capsys.disabled():
                print(f"\nlongest wait for an acknowledgement at the {name}: {longest:.1f} s")  # noqa: T201  # a figure
            assert longest < LONGEST_STALL_SECONDS
            await eventually(lambda: is_whole(kafka), WHOLE_SECONDS)
        await load.send(AT_ONCE)
        assert load.refused == []
        await stack.is_drained()
        await assert_counted_once(stack.url("stats"), set(load.accepted), 0)
        await assert_on_their_topics(stack, load.accepted)
        assert await stack.stop() == 0


async def _under_load(load: Load, stalls: Stalls, fault: Awaitable[None]) -> float:
    """Send reports until the fault is over; return the longest wait for an acknowledgement."""
    began = time.monotonic()
    happening = asyncio.ensure_future(fault)
    while not happening.done():
        await load.send(AT_ONCE)
        await asyncio.wait({happening}, timeout=PACE_SECONDS)
    await happening
    await load.send(AT_ONCE)
    return stalls.longest(began)
