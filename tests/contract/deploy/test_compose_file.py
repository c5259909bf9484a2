"""docker-compose.yml is valid and consistent, checked without a Docker engine."""

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml

from services.cli.deploy.compose_variables import DATABASE_ROLES, NODE_USERS, SERVICE_USERS, variables
from services.cli.run.embedded_kafka import config
from tests.support.deploy.compose import (
    FILE,
    PROJECT,
    ComposeFile,
    Service,
    UnsetVariable,
    listens_on,
    read_compose,
    variables_used,
)

PUBLISHED = {"intake", "stats", "grafana", "mailpit"}
VERSION = re.compile(r":v?\d+\.\d+(\.\d+)?[\w.-]*$")
SECRET_NAME = re.compile(r"PASSWORD|SECRET|TOKEN|PASSPHRASE")
FROM_OUTSIDE = re.compile(r"\$\{[A-Z0-9_]+(:\?[^}]*)?\}")
RAW: Mapping[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
NAMES = sorted(RAW["services"])


def test_it_is_a_compose_file() -> None:
    """The file is valid by the schema of the compose specification."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(FILE)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_variable_is_in_the_list() -> None:
    """The file reads exactly the variables of the generator and `.env.example`."""
    assert set(variables_used()) == {variable.name for variable in variables()}


def test_what_has_a_default_has_the_listed_one() -> None:
    """Each optional variable has in the file the default that `.env.example` lists."""
    used = variables_used()
    for variable in variables():
        if variable.make is None:
            assert set(used[variable.name]) == {("-", variable.default)}, variable.name


@pytest.mark.parametrize(
    "name", [variable.name for variable in variables() if variable.make and not variable.name.startswith("CONTAINER_")]
)
def test_a_missing_secret_stops_it(made_up: dict[str, str], name: str) -> None:
    """A missing secret makes compose exit with the command to run, so nothing starts with an empty password."""
    with pytest.raises(UnsetVariable, match=f"{name}: run make up"):
        read_compose({key: value for key, value in made_up.items() if key != name})


def test_no_secret_stands_in_it() -> None:
    """Every password in settings, addresses and Kafka's login lines comes from a variable."""
    for name, service in RAW["services"].items():
        for key, value in service.get("environment", {}).items():
            if SECRET_NAME.search(key):
                assert FROM_OUTSIDE.fullmatch(value), f"{name}: {key}"
            quoted = re.findall(r'(?:password|user_\w+)="([^"]*)"', str(value))
            in_addresses = re.findall(r"://[^:/]+:([^@]+)@", str(value))
            assert all(FROM_OUTSIDE.fullmatch(found) for found in [*quoted, *in_addresses]), f"{name}: {key}"


def test_each_principal_and_role_has_a_password_of_its_own(compose: ComposeFile) -> None:
    """Each Kafka principal and PostgreSQL role has its own password variable."""
    principals: dict[str, set[str]] = {}
    for service in compose.services.values():
        if user := service.environment.get("LAKSA_KAFKA_SASL_USERNAME") or service.environment.get(
            "KAFKA_SASL_USERNAME"
        ):
            principals.setdefault(user, set()).add(service.name.partition("-")[0] if service.is_ours else service.name)
    assert principals == {"admin": {"topics"}, **{user: {user} for user in SERVICE_USERS}}
    urls = {service.environment.get("LAKSA_DATABASE_URL", "") for service in compose.services.values()} - {""}
    for url in urls:
        role, database = re.findall(r"://(\w+):.*/(\w+)$", url)[0]
        assert role == database
        assert role in DATABASE_ROLES
    assert len(urls) == len(DATABASE_ROLES) - 1
    assert set(NODE_USERS) == {config.NODE_USER, config.ADMIN_USER}
    assert len(set(NODE_USERS.values()) | set(SERVICE_USERS.values()) | set(DATABASE_ROLES.values())) == 11


@pytest.mark.parametrize("name", NAMES)
def test_every_image_is_pinned(compose: ComposeFile, name: str) -> None:
    """Every fetched image has a version; the project's own image is built."""
    service = compose.services[name]
    if service.is_ours:
        assert service.content["pull_policy"] == ("build" if "build" in service.content else "never")
    else:
        assert VERSION.search(service.content["image"]), service.content["image"]


def test_our_image_is_built_once(compose: ComposeFile) -> None:
    """Only the job that the services wait for builds the image, because two builds of one tag would race."""
    (builder,) = [service for service in compose.services.values() if "build" in service.content]
    assert builder.name == "topics"
    arguments = builder.content["build"]["args"]
    assert f"{arguments['UID']}:{arguments['GID']}" == builder.content["user"]


@pytest.mark.parametrize("name", NAMES)
def test_every_container_is_held_back(compose: ComposeFile, name: str) -> None:
    """Each container has a read-only root, no capabilities, no new privileges, and limits for memory, log and stop."""
    content = compose.services[name].content
    assert content["read_only"] is True
    assert content["cap_drop"] == ["ALL"]
    assert content["security_opt"] == ["no-new-privileges:true"]
    assert content["init"] is True
    assert set(content["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert set(content["logging"]["options"]) == {"max-size", "max-file"}
    assert int(content["stop_grace_period"].removesuffix("s")) >= 20
    assert not {"privileged", "cap_add", "network_mode", "pid", "ipc", "devices"} & set(content)
    assert not any("docker.sock" in volume for volume in content.get("volumes", []))


@pytest.mark.parametrize("name", NAMES)
def test_who_stays_up_is_asked_for_its_health(compose: ComposeFile, name: str) -> None:
    """Jobs are not restarted; all other services have a healthcheck and are restarted."""
    service = compose.services[name]
    assert service.is_job == (service.health_command is None)
    assert service.content["restart"] == ("no" if service.is_job else "unless-stopped")


def test_no_container_of_ours_is_root(compose: ComposeFile, made_up: dict[str, str]) -> None:
    """The project's containers run as the owner of the secret files, who is never root."""
    assert RAW["x-laksa"]["user"] == "${CONTAINER_UID:-10001}:${CONTAINER_GID:-10001}"
    assert {service.content["user"] for service in compose.services.values() if service.is_ours} == {
        f"{made_up['CONTAINER_UID']}:{made_up['CONTAINER_GID']}"
    }


def test_only_what_people_look_at_is_published(compose: ComposeFile) -> None:
    """Only board, intake, Grafana and mail are published, by default on the loopback address."""
    published = {
        name: service.content["ports"] for name, service in compose.services.items() if "ports" in service.content
    }
    assert set(published) == PUBLISHED
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)


def test_kafka_and_the_database_are_in_the_back(compose: ComposeFile) -> None:
    """Kafka and the database are in an internal network with only the services that use them."""
    assert compose.content["networks"]["back"] == {"internal": True}
    on_back = {name for name, service in compose.services.items() if "back" in service.content["networks"]}
    alone = {name for name in on_back if compose.services[name].content["networks"] == ["back"]}
    assert alone >= {"kafka-1", "kafka-2", "kafka-3", "postgres"}
    assert on_back.isdisjoint({"grafana", "prometheus", "alertmanager", "mailpit", "call-centre", "reference-data"})


@pytest.mark.parametrize("name", NAMES)
def test_what_is_waited_for_can_come(compose: ComposeFile, name: str) -> None:
    """Services wait for healthy services or completed jobs only, and none waits for the demo but the demo."""
    service = compose.services[name]
    for other, condition in service.waits_for.items():
        awaited = compose.services[other]
        assert condition == ("service_completed_successfully" if awaited.is_job else "service_healthy")
        assert set(awaited.content.get("profiles", [])) <= set(service.content.get("profiles", []))


def test_there_is_an_order_to_start_in(compose: ComposeFile) -> None:
    """The dependencies have no cycle."""
    assert len(compose.in_order(NAMES)) == len(NAMES)


def test_every_volume_and_secret_is_there(compose: ComposeFile) -> None:
    """Named volumes are declared and used; mounted folders are in this project and read-only."""
    mounts = [mount for service in compose.services.values() for mount in service.mounts]
    assert {mount.source for mount in mounts if mount.is_named} == set(compose.content["volumes"])
    for mount in mounts:
        if not mount.is_named:
            assert (PROJECT / mount.source).is_dir(), mount.source
            assert mount.read_only, mount.source
    given = {name for service in compose.services.values() for name in service.secrets}
    assert given == set(compose.content["secrets"])


def test_the_nodes_differ_in_nothing_but_their_name(compose: ComposeFile) -> None:
    """The three Kafka nodes differ only in their names and ids."""
    contents = []
    for service in kafka_nodes(compose):
        number = service.name.removeprefix("kafka-")
        environment = dict(service.environment)
        assert environment.pop("KAFKA_NODE_ID") == number
        assert f"{number}@{service.name}:9093" in environment["KAFKA_CONTROLLER_QUORUM_VOTERS"].split(",")
        advertised = environment.pop("KAFKA_ADVERTISED_LISTENERS")
        assert advertised == f"CLIENTS://{service.name}:9092,NODES://{service.name}:9094"
        volumes = [volume.removeprefix(service.name) for volume in service.content["volumes"]]
        contents.append({**service.content, "environment": environment, "volumes": volumes})
    assert contents[0] == contents[1] == contents[2]


def test_kafka_keeps_its_promises(compose: ComposeFile) -> None:
    """Kafka keeps three copies and needs two in sync, creates no topics by itself, and authenticates all clients."""
    settings = {key.removeprefix("KAFKA_").replace("_", ".").lower(): value for key, value in kafka_of(compose).items()}
    for same in (config.PROMISES, config.ACCESS_RULES, config.QUICK_RETURN, config.QUICK_FAILOVER):
        assert {name: settings[name] for name in same} == same
    copies = {key: value for key, value in settings.items() if key.endswith("replication.factor")}
    assert set(copies.values()) == {"3"}
    assert len(copies) == 4
    least = {key: value for key, value in settings.items() if key.endswith(("min.isr", "min.insync.replicas"))}
    assert set(least.values()) == {"2"}
    assert len(least) == 3
    assert set(settings["listener.security.protocol.map"].replace(":SASL_PLAINTEXT", "").split(",")) == {
        "CLIENTS",
        "CONTROLLER",
        "NODES",
    }


def test_every_address_leads_to_a_service(compose: ComposeFile) -> None:
    """Each host:port in settings or configuration names a listening service on a shared network."""
    checked = 0
    for name, host, port in addresses(compose):
        assert host in compose.services, f"{name} names {host}"
        other = compose.services[host]
        assert port in listens_on(other), f"{name} names {host}:{port}"
        if name != host:
            shared = set(compose.services[name].content["networks"]) & set(other.content["networks"])
            assert shared, f"{name} and {host} are on no network together"
        checked += 1
    assert checked > 50  # addresses were found


def kafka_nodes(compose: ComposeFile) -> list[Service]:
    """The names of the three Kafka nodes."""
    found = [service for name, service in compose.services.items() if name.startswith("kafka-")]
    assert len(found) == 3
    return found


def kafka_of(compose: ComposeFile) -> Mapping[str, str]:
    """The settings of a node."""
    return kafka_nodes(compose)[0].environment


def addresses(compose: ComposeFile) -> Iterator[tuple[str, str, int]]:
    """Each host:port in a service's settings or mounted configuration, with the service."""
    pattern = re.compile(r"(?:^|[/@,\s\"'(])(?!\d+\.)([a-z][a-z0-9-]*):(\d{4,5})\b")
    for name, service in compose.services.items():
        texts = [*service.environment.values(), *service.command]
        for mount in service.mounts:
            if not mount.is_named and name in {"prometheus", "alertmanager", "grafana"}:
                texts += [file.read_text(encoding="utf-8") for file in configuration(mount.source)]
        for text in texts:
            for host, port in pattern.findall(text):
                yield name, host, int(port)


def configuration(folder: str) -> Iterator[Any]:
    """The files of a mounted folder that the container reads, without those of `make run`."""
    for file in sorted((PROJECT / folder).rglob("*.yml")):
        if file.name not in {"prometheus.yml", "alerts.test.yml"}:
            yield file
