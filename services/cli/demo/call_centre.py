"""A demo call centre for all departments: a real HTTP receiver of the notifier's pushes.

It verifies each signature and acknowledges most reports at once. For a few, chosen by their delivery id, it behaves
like a call centre with a problem: it answers 503 to the first tries, or accepts a report and never acknowledges it.
So a demo shows every state of a delivery. Run by ``laksa call-centre``.
"""

import asyncio
import hashlib
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from enum import Enum
from http import HTTPStatus
from pathlib import Path

import aiohttp
import orjson
from aiohttp import web
from standardwebhooks import Webhook
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from services.cli.required_settings import required
from services.cli.settings import CallCentreSettings
from shared.observability.logs import configure_logs, logger
from shared.yaml_files import invalid_file, read_yaml

MOODS = 10  # one delivery in ten gets each mood but the plain one
TRIES_IGNORED = 2
ACK_TIMEOUT = aiohttp.ClientTimeout(total=5)
ACK_TRIES = 6  # the notifier may be restarting
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 8.0
MAX_BODY_BYTES = 256 * 1024

log = logger(__name__)


class Mood(Enum):
    """What this call centre does with a delivery."""

    ACKNOWLEDGES = "acknowledges"
    OUT_OF_ORDER = "out of order at first"  # answers 503 to the first tries
    SLOW = "accepts it, acknowledges when pushed again"
    NEVER = "accepts it, never acknowledges"


def mood_of(delivery_id: str, lane: str) -> Mood:
    """The mood for a delivery, always the same. Every emergency is acknowledged in the end."""
    number = hashlib.sha256(delivery_id.encode()).digest()[0] % MOODS
    if number == 0:
        return Mood.OUT_OF_ORDER
    if number == 1:
        return Mood.SLOW if lane == "emergency" else Mood.NEVER
    return Mood.ACKNOWLEDGES


def read_secrets(endpoints_file: Path) -> dict[str, str]:
    """The secret of each endpoint in the endpoints file, by endpoint id."""
    document = read_yaml(endpoints_file)
    if document.faults:
        raise invalid_file(endpoints_file, document.faults, given_by="LAKSA_ENDPOINTS_FILE")
    entries = document.content["endpoints"]
    return {entry["id"]: entry["secret"] for entry in entries if entry.get("secret")}


def signed_headers(secret: str, message_id: str, body: bytes) -> dict[str, str]:
    """Standard Webhooks headers over a body, as of now."""
    now = datetime.now(UTC)  # the library takes the clock time of any zone for UTC
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(message_id, now, body.decode()),
        "content-type": "application/json",
    }


def is_signed(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether the owner of the secret signed this within the last minutes."""
    try:
        Webhook(secret).verify(body, dict(headers), json_parse=False)
    except Exception:  # noqa: BLE001  # the library raises any exception for malformed headers
        return False
    return True


class CallCentre:
    """Receives the pushes for every endpoint and acknowledges them at their ``ack_url``."""

    def __init__(self, secrets: Mapping[str, str], session: aiohttp.ClientSession) -> None:
        self._secrets = secrets
        self._session = session
        self._tries: Counter[str] = Counter()
        self._acknowledging: set[asyncio.Task[None]] = set()

    async def take_push(self, request: web.Request) -> web.Response:
        """Answer a push: 401 without a valid signature, 503 while it is out of order, else 204."""
        endpoint = request.match_info["endpoint"]
        body = await request.read()
        secret = self._secrets.get(endpoint)
        if secret is None or not is_signed(secret, request.headers, body):
            log.warning("A push without a valid signature", endpoint=endpoint)
            return web.Response(status=401)
        delivery_id = request.headers["webhook-id"]
        push = orjson.loads(body)
        mood = mood_of(delivery_id, str(push["data"].get("lane", "")))
        self._tries[delivery_id] += 1
        tries = self._tries[delivery_id]
        log.info(
            "A push was received",
            endpoint=endpoint,
            delivery=delivery_id,
            type=push["type"],
            mood=mood.value,
            tries=tries,
        )
        if mood is Mood.OUT_OF_ORDER and tries <= TRIES_IGNORED:
            return web.Response(status=503)
        if mood is Mood.NEVER or (mood is Mood.SLOW and tries <= TRIES_IGNORED):
            return web.Response(status=204)
        self._acknowledge_soon(endpoint, secret, delivery_id, push["ack_url"])
        return web.Response(status=204)

    def _acknowledge_soon(self, endpoint: str, secret: str, delivery_id: str, ack_url: str) -> None:
        task = asyncio.create_task(self._acknowledge(endpoint, secret, delivery_id, ack_url))
        self._acknowledging.add(task)
        task.add_done_callback(self._acknowledging.discard)

    async def _acknowledge(self, endpoint: str, secret: str, delivery_id: str, ack_url: str) -> None:
        retrying = AsyncRetrying(
            retry=retry_if_exception_type((aiohttp.ClientError, OSError)),
            wait=wait_exponential_jitter(multiplier=FIRST_PAUSE, max=LONGEST_PAUSE, jitter=FIRST_PAUSE),
            stop=stop_after_attempt(ACK_TRIES),
            reraise=True,
        )
        try:
            status: int = await retrying(self._post, endpoint, secret, delivery_id, ack_url)
        except (aiohttp.ClientError, OSError) as error:
            said = error.status if isinstance(error, aiohttp.ClientResponseError) else type(error).__name__
            log.warning("An acknowledgement was not accepted", endpoint=endpoint, delivery=delivery_id, said=said)
        else:
            log.info("A push was acknowledged", endpoint=endpoint, delivery=delivery_id, status=status)

    async def _post(self, endpoint: str, secret: str, delivery_id: str, ack_url: str) -> int:
        """Acknowledge once; the status of the answer, 4xx included: another try would not change it.

        Raises:
            aiohttp.ClientError, OSError: no answer, or one that may be another one next time.
        """
        body = orjson.dumps({"by": f"petugas {endpoint}"})
        headers = signed_headers(secret, delivery_id, body)
        async with self._session.post(ack_url, data=body, headers=headers, timeout=ACK_TIMEOUT) as answer:
            if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                answer.raise_for_status()
            return answer.status


SETTINGS = web.AppKey("settings", CallCentreSettings)
CENTRE = web.AppKey("centre", CallCentre)


async def _centre_of(app: web.Application) -> AsyncIterator[None]:
    settings: CallCentreSettings = app[SETTINGS]
    async with aiohttp.ClientSession() as session:
        app[CENTRE] = CallCentre(read_secrets(settings.endpoints_file), session)
        yield


def make_app(settings: CallCentreSettings) -> web.Application:
    """The routes; the call centre is made when the server starts."""

    async def ready(_request: web.Request) -> web.Response:
        return web.json_response({"ready": True, "checks": {}})

    async def push(request: web.Request) -> web.Response:
        return await request.app[CENTRE].take_push(request)

    app = web.Application(client_max_size=MAX_BODY_BYTES)
    app[SETTINGS] = settings
    app.cleanup_ctx.append(_centre_of)
    app.add_routes(
        [web.post("/push/{endpoint}", push), web.get("/health/ready", ready), web.get("/health/live", ready)]
    )
    return app


def tls_of(settings: CallCentreSettings) -> ssl.SSLContext | None:
    """The TLS context, if a certificate is set."""
    if settings.tls_certificate_file is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(settings.tls_certificate_file, settings.tls_key_file)
    return context


def serve() -> int:
    """Serve until SIGTERM or SIGINT."""
    settings = required(CallCentreSettings)
    configure_logs("call-centre", settings.log_level)
    web.run_app(
        make_app(settings),
        host=settings.http_host,
        port=settings.http_port,
        ssl_context=tls_of(settings),
        access_log=None,
        print=None,
    )
    return 0


if __name__ == "__main__":
    serve()
