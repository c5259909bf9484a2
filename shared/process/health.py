"""Liveness and readiness. Live: the event loop turns. Ready: every named check passes."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from shared.errors import LaksaError

CHECK_SECONDS = 2.0  # an orchestrator's probe usually waits 3 to 5 s

Check = Callable[[], Awaitable[None]]


@dataclass
class Health:
    """The named checks of one service; a check passes by returning and fails by raising.

    ``mark_unready`` marks the service as not ready until it is restarted, whatever the checks say.
    """

    checks: dict[str, Check] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def add(self, name: str, check: Check) -> None:
        """Add a check."""
        self.checks[name] = check

    def mark_unready(self, reason: str) -> None:
        """Report not ready, whatever the checks return."""
        self.faults.append(reason)

    async def ready(self) -> tuple[bool, Mapping[str, str]]:
        """Whether all checks pass, and the result of each: ``ok`` or the reason."""
        names = list(self.checks)
        answers = await asyncio.gather(*(_answer(self.checks[name]) for name in names))
        said = dict(zip(names, answers, strict=True))
        if self.faults:
            said["halted"] = "; ".join(self.faults)
        return all(answer == "ok" for answer in said.values()), said


async def _answer(check: Check) -> str:
    try:
        await asyncio.wait_for(check(), CHECK_SECONDS)
    except TimeoutError:
        return f"no answer within {CHECK_SECONDS:g} s"
    except LaksaError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001  # a probe reports every failure; it must not answer 500
        return type(error).__name__
    return "ok"
