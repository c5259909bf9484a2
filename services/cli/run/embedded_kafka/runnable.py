"""``async with`` for a broker: prepared, started, waited for, and stopped however the block ends."""

import asyncio
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from services.cli.run.embedded_kafka.cache import Report, report_nothing


class RunnableBroker(ABC):
    """One node or several."""

    @abstractmethod
    def prepare(self, report: Report = report_nothing) -> None:
        """Make ready to start. Blocks."""

    @abstractmethod
    def start(self) -> None:
        """Start; returns before it answers."""

    @abstractmethod
    async def wait_ready(self) -> None:
        """Return once it answers."""

    @abstractmethod
    async def stop(self) -> None:
        """End it and unlock its data."""

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.prepare)
        try:
            self.start()
            await self.wait_ready()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
