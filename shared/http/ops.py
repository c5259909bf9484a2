"""The operational routes of every service: liveness, readiness, metrics, and the AsyncAPI document."""

from collections.abc import Callable

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from shared.process.health import Health


def ops_routes(health: Health, registry: CollectorRegistry, asyncapi: Callable[[], str]) -> list[Route]:
    """``/health/live``, ``/health/ready`` (503 with the reasons), ``/metrics`` and ``/asyncapi`` (JSON)."""

    async def live(_request: Request) -> Response:
        return JSONResponse({"status": "live"})

    async def ready(_request: Request) -> Response:
        is_ready, said = await health.ready()
        return JSONResponse({"ready": is_ready, "checks": dict(said)}, status_code=200 if is_ready else 503)

    async def metrics(_request: Request) -> Response:
        return Response(generate_latest(registry), headers={"content-type": CONTENT_TYPE_LATEST})

    async def asyncapi_document(_request: Request) -> Response:
        return Response(asyncapi(), media_type="application/json")

    return [
        Route("/health/live", live),
        Route("/health/ready", ready),
        Route("/metrics", metrics),
        Route("/asyncapi", asyncapi_document),
    ]
