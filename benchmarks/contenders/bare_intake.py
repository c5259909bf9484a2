"""The baseline of intake: Starlette, one acknowledged send, 202; ``python -m benchmarks.contenders.bare_intake``.

It does not validate the report, stores nothing on disk, and accepts nothing without Kafka.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
import uvicorn
from aiokafka import AIOKafkaProducer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from uuid_utils.compat import uuid7

TOPIC = "bench.intake.v1"


def make_app(servers: str) -> Starlette:
    """Return the application."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with AIOKafkaProducer(bootstrap_servers=servers, acks="all", enable_idempotence=True) as producer:
            app.state.producer = producer
            yield

    async def take(request: Request) -> Response:
        body = await request.body()
        orjson.loads(body)
        report_id = str(uuid7())
        await request.app.state.producer.send_and_wait(TOPIC, body, report_id.encode())
        return JSONResponse({"report_id": report_id}, status_code=202)

    async def ready(_request: Request) -> Response:
        return Response()

    return Starlette(
        routes=[Route("/v1/reports", take, methods=["POST"]), Route("/health/ready", ready)], lifespan=lifespan
    )


if __name__ == "__main__":
    uvicorn.run(make_app(sys.argv[1]), host="127.0.0.1", port=int(sys.argv[2]), log_config=None, access_log=False)
