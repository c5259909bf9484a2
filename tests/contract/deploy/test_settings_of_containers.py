"""docker-compose.yml gives each of the project's services exactly known settings, and all required ones."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry
from pydantic import ValidationError
from pydantic_settings import BaseSettings

from services.cli.demo.call_centre import make_app
from services.cli.settings import CallCentreSettings, SeedSettings
from services.intake.settings import IntakeSettings
from services.notifier.settings import NotifierSettings
from services.router.settings import RouterSettings
from services.stats.settings import StatsSettings
from shared.db.migrating import MigrationSettings
from shared.http.ops import ops_routes
from shared.process.health import Health
from shared.settings import KafkaSettings, ServiceSettings
from tests.support.deploy.compose import FILE, OWN_IMAGE, ComposeFile, Service

# The settings classes of a command, by its first words.
READS: dict[tuple[str, ...], type[BaseSettings]] = {
    ("services.intake",): IntakeSettings,
    ("services.router",): RouterSettings,
    ("services.notifier",): NotifierSettings,
    ("services.stats",): StatsSettings,
    ("services.notifier.migrate",): MigrationSettings,
    ("services.stats.migrate",): MigrationSettings,
    ("services.cli.demo.call_centre",): CallCentreSettings,
    ("services.cli.main", "topics"): KafkaSettings,
    ("services.cli.main", "seed"): SeedSettings,
}
# Variables of others: OpenSSL's, and the C library's.
OF_OTHERS = {"SSL_CERT_FILE", "MALLOC_ARENA_MAX"}
OURS = sorted(
    name
    for name, service in yaml.safe_load(FILE.read_text(encoding="utf-8"))["services"].items()
    if service["image"].startswith(OWN_IMAGE)
)


@pytest.mark.parametrize("name", OURS)
def test_every_name_is_known_to_who_gets_it(compose: ComposeFile, name: str) -> None:
    """Every variable is known to its service, because a mistyped name would be silently ignored."""
    service = compose.services[name]
    assert set(service.environment) - OF_OTHERS <= set(known_to(settings_of(service)))


@pytest.mark.parametrize("name", OURS)
def test_it_has_all_that_it_needs(compose: ComposeFile, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings class accepts these settings alone, and a protected Kafka is used with a user name."""
    service = compose.services[name]
    for key, value in service.environment.items():
        monkeypatch.setenv(key, value)
    if "--lane" in service.command:
        monkeypatch.setenv("LAKSA_LANE", service.command[-1])
    made = settings_of(service)()
    kafka = getattr(made, "kafka", made)
    if isinstance(kafka, KafkaSettings):
        assert kafka.security_protocol == "SASL_PLAINTEXT"
        assert kafka.sasl_username
        assert kafka.sasl_password
        assert (kafka.replication_factor, kafka.min_insync_replicas) == (3, 2)


@pytest.mark.parametrize("name", OURS)
def test_it_would_miss_what_it_needs(compose: ComposeFile, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above can fail: without its settings, no service starts."""
    for key in compose.services[name].environment:
        monkeypatch.delenv(key, raising=False)
    with pytest.raises(ValidationError):
        settings_of(compose.services[name])()


@pytest.mark.parametrize("name", OURS)
def test_it_is_given_every_file_that_it_reads(compose: ComposeFile, name: str) -> None:
    """Every path in a service's settings is on a volume or one of its secrets."""
    service = compose.services[name]
    given = [*(f"/run/secrets/{secret}" for secret in service.secrets), *(mount.target for mount in service.mounts)]
    paths = [value for value in [*service.environment.values(), *service.command] if value.startswith("/")]
    for path in paths:
        assert path in given, path
    assert set(given) <= set(paths)  # and the service has no secret that it does not read


@pytest.mark.parametrize("name", OURS)
def test_its_healthcheck_asks_for_a_path_that_it_has(compose: ComposeFile, name: str) -> None:
    """The healthcheck requests an existing path on the port of the service."""
    service = compose.services[name]
    if service.is_job:
        return
    script = (service.health_command or [""])[-1]
    assert "os.environ['LAKSA_HTTP_PORT']" in script
    (path,) = {part for part in script.split("'") if part.startswith("/")}
    assert path in paths_of(settings_of(service))
    assert service.environment["LAKSA_HTTP_HOST"] == "0.0.0.0"  # noqa: S104  # inside its container


def settings_of(service: Service) -> type[BaseSettings]:
    """The settings classes of a service's command."""
    (found,) = [kind for words, kind in READS.items() if tuple(service.command[: len(words)]) == words]
    return found


def known_to(kind: type[BaseSettings]) -> Iterator[str]:
    """Every variable of a settings class."""
    for field, info in kind.model_fields.items():
        if info.annotation is KafkaSettings:
            yield from known_to(KafkaSettings)
        else:
            yield f"{kind.model_config['env_prefix']}{field}".upper()


def paths_of(kind: type[BaseSettings]) -> set[str]:
    """The paths of a service's ops routes."""
    if issubclass(kind, ServiceSettings):
        return {route.path for route in ops_routes(Health(), CollectorRegistry(), lambda: "")}
    app = make_app(CallCentreSettings(endpoints_file=Path("/nowhere")))
    return {resource.canonical for resource in app.router.resources()}
