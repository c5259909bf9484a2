"""A bounded load on intake that remembers every 202, and readers that tell what became of them."""

import asyncio
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiokafka import AIOKafkaConsumer

from shared.domain.taxonomy import default_taxonomy
from shared.messaging.connection import connection_options
from shared.settings import KafkaSettings

RETRY_SECONDS = 0.2
GIVE_UP_SECONDS = 60.0


@dataclass
class Load:
    """Sends reports and calls until told to stop; each is repeated, with the same reference, until its 202 is seen.

    So ``accepted`` (report id → body) is exactly what intake owes, whatever was killed meanwhile.
    """

    intake_url: str
    api_keys: Mapping[str, str]
    run: str
    seed: int
    accepted: dict[str, dict[str, Any]] = field(default_factory=dict)
    refused: list[tuple[int, str]] = field(default_factory=list)
    _sent: int = 0

    async def send(self, count: int, *, concurrency: int = 4) -> None:
        """Send ``count`` more requests with a few at a time."""
        numbers = iter(range(self._sent, self._sent + count))
        self._sent += count
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
            await asyncio.gather(*(self._worker(session, numbers) for _ in range(concurrency)))

    async def _worker(self, session: aiohttp.ClientSession, numbers: Iterator[int]) -> None:
        for number in numbers:
            await self._send_until_accepted(session, number)

    async def _send_until_accepted(self, session: aiohttp.ClientSession, number: int) -> None:
        path, channel, body = self._request(number)
        deadline = asyncio.get_running_loop().time() + GIVE_UP_SECONDS
        while asyncio.get_running_loop().time() < deadline:
            try:
                async with session.post(
                    self.intake_url + path, json=body, headers={"X-API-Key": self.api_keys[channel]}
                ) as answer:
                    said = await answer.json()
            except (aiohttp.ClientError, TimeoutError, OSError):
                await asyncio.sleep(RETRY_SECONDS)
                continue
            if answer.status == 202:
                self.accepted[said["report_id"]] = body
                return
            if answer.status not in {409, 429, 503}:
                self.refused.append((answer.status, said.get("code", "")))
                return
            await asyncio.sleep(RETRY_SECONDS)
        self.refused.append((0, "no 202 before the deadline"))

    def _request(self, number: int) -> tuple[str, str, dict[str, Any]]:
        rng = random.Random(f"{self.seed}-{number}")
        category = rng.choice(sorted(default_taxonomy().categories))
        body: dict[str, Any] = {
            "category": category,
            "text": f"Laporan uji {number}",
            "source_reference": f"{self.run}-{number}",
            "place": {"kecamatan": rng.choice(sorted(default_taxonomy().kecamatan))},
        }
        if number % 2:
            return "/v1/reports", "laksa", body
        return "/v1/calls", "112", {**body, "call_type": "normal"}


async def read_topics(kafka: KafkaSettings, pattern: str) -> dict[str, dict[str, list[dict[str, str]]]]:
    """Everything on the topics of a pattern now: topic → key → the headers of each record with that key."""
    consumer = AIOKafkaConsumer(**connection_options(kafka), auto_offset_reset="earliest")
    consumer.subscribe(pattern=pattern)
    await consumer.start()
    found: dict[str, dict[str, list[dict[str, str]]]] = {}
    try:
        places = await _assigned(consumer)
        ends = await consumer.end_offsets(places)
        await consumer.seek_to_beginning(*places)
        while any([await consumer.position(place) < ends[place] for place in places]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                for record in records:
                    headers = {name: value.decode(errors="replace") for name, value in record.headers if value}
                    found.setdefault(record.topic, {}).setdefault((record.key or b"").decode(), []).append(headers)
    finally:
        await consumer.stop()
    return found


async def _assigned(consumer: AIOKafkaConsumer) -> list[Any]:
    while not consumer.assignment():
        await consumer.getmany(timeout_ms=100)
    return list(consumer.assignment())
