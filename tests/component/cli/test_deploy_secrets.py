"""``laksa secrets`` creates everything that docker-compose.yml needs, once, readable by its owner only."""

import io
import os
import ssl
import stat
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from services.cli.deploy.compose_variables import IMAGE_UID, SERVICE_USERS, variables
from services.cli.deploy.deploy_secrets import Deployment, make_secrets, read_environment
from services.cli.deploy.topics_command import read_users
from services.intake.api_keys import load_channels
from services.notifier.endpoints import load_endpoints
from shared.domain.lanes import Channel
from shared.domain.taxonomy import default_taxonomy
from shared.errors import ConfigurationError
from shared.messaging.access import principals
from tests.support.deploy.compose import read_compose
from tests.support.machine import needed


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    """An empty checkout."""
    needed("openssl", "openssl")
    return Deployment(tmp_path)


def make(deployment: Deployment) -> str:
    """Run the command and return its output."""
    output = io.StringIO()
    assert make_secrets(deployment, Console(file=output, width=200)) == 0
    return output.getvalue()


def test_the_compose_file_then_has_all_that_it_needs(deployment: Deployment) -> None:
    """It creates every required variable and every secret file of the compose file."""
    printed = make(deployment)
    compose = read_compose(read_environment(deployment.environment))
    for name in compose.content["secrets"]:
        path = deployment.root / compose.secret_file(name)
        assert path.is_file()
        assert path.name in printed


def test_the_services_can_use_what_it_made(deployment: Deployment) -> None:
    """Intake can read its channels, the notifier its endpoints, and `laksa topics` a user for every principal."""
    make(deployment)
    opds = default_taxonomy().opds
    channels = load_channels(deployment.secrets / "channels.yaml")
    assert {channels.of_topic(name).channel for name in Channel} == set(Channel)
    endpoints = load_endpoints(deployment.secrets / "endpoints.yaml", opds)
    assert {endpoint.opd for endpoint in endpoints.by_id.values()} == set(opds)
    assert set(read_users(deployment.secrets / "kafka-users.yaml")) == set(principals(opds))


def test_a_service_and_the_cluster_know_the_same_password(deployment: Deployment) -> None:
    """A service has the same password in `.env` and in the users file."""
    make(deployment)
    environment = read_environment(deployment.environment)
    users = read_users(deployment.secrets / "kafka-users.yaml")
    assert {user: users[user] for user in SERVICE_USERS} == {
        user: environment[name] for user, name in SERVICE_USERS.items()
    }


def test_no_two_passwords_are_the_same(deployment: Deployment) -> None:
    """All passwords differ and have at least 32 characters."""
    make(deployment)
    environment = read_environment(deployment.environment)
    passwords = [value for name, value in environment.items() if name.endswith("PASSWORD")]
    users = read_users(deployment.secrets / "kafka-users.yaml")
    passwords += [password for user, password in users.items() if user not in SERVICE_USERS]
    assert len(set(passwords)) == len(passwords)
    assert min(map(len, passwords)) >= 32


def test_only_the_owner_can_read_them(deployment: Deployment) -> None:
    """The files have mode 0600 and belong to the user of the containers, which is never root."""
    make(deployment)
    files = [deployment.environment, *deployment.secrets.iterdir()]
    assert len(files) == 7
    for file in files:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    uid = int(read_environment(deployment.environment)["CONTAINER_UID"])
    assert uid == (os.getuid() or IMAGE_UID)
    assert {file.stat().st_uid for file in deployment.secrets.iterdir()} == {uid}


def test_it_never_writes_over_anything(deployment: Deployment) -> None:
    """A repeat changes no file, also none that a person edited."""
    make(deployment)
    endpoints = deployment.secrets / "endpoints.yaml"
    endpoints.write_text("endpoints: []\n", encoding="utf-8")
    before = {file: file.read_bytes() for file in [deployment.environment, *deployment.secrets.iterdir()]}
    assert make(deployment) == "all secrets exist already\n"
    assert {file: file.read_bytes() for file in before} == before


def test_it_makes_what_is_missing_and_leaves_the_rest(deployment: Deployment) -> None:
    """An older `.env` gets its missing and empty variables, and keeps its other lines."""
    deployment.environment.write_text(
        "# mine\nPUBLISH_ADDRESS=192.0.2.1\nKAFKA_STATS_PASSWORD=\nPOSTGRES_PASSWORD=kept-as-it-is\n", encoding="utf-8"
    )
    make(deployment)
    text = deployment.environment.read_text(encoding="utf-8")
    environment = read_environment(deployment.environment)
    assert text.startswith("# mine\nPUBLISH_ADDRESS=192.0.2.1\nPOSTGRES_PASSWORD=kept-as-it-is\n")
    assert text.count("KAFKA_STATS_PASSWORD=") == 1
    assert all(environment[variable.name] for variable in variables() if variable.make)


def test_it_says_when_two_places_disagree(deployment: Deployment) -> None:
    """Different passwords of a service in the two files are an error that quotes no password."""
    make(deployment)
    users = deployment.secrets / "kafka-users.yaml"
    changed = yaml.safe_load(users.read_text(encoding="utf-8"))
    changed["users"]["router"] = "another-password-of-the-routers"
    users.write_text(yaml.safe_dump(changed), encoding="utf-8")
    with pytest.raises(ConfigurationError, match="KAFKA_ROUTER_PASSWORD") as refused:
        make(deployment)
    assert "another-password" not in str(refused.value)


def test_the_certificate_is_the_call_centres_own(deployment: Deployment) -> None:
    """A client that trusts only the certificate accepts a server with its key under the endpoints' host name."""
    make(deployment)
    certificate, key = deployment.secrets / "call-centre.crt", deployment.secrets / "call-centre.key"
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(certificate, key)
    assert shaken_hands(server, ssl.create_default_context(cafile=certificate), "call-centre")
    with pytest.raises(ssl.SSLCertVerificationError):
        shaken_hands(server, ssl.create_default_context(cafile=certificate), "somebody-else")


def shaken_hands(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> bool:
    """Run a TLS handshake in memory; returns whether it succeeded."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [
        client.wrap_bio(to_client, to_server, server_hostname=name),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    waiting = set(sides)
    for side in sides * 4:
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
        waiting.discard(side)
    return not waiting
