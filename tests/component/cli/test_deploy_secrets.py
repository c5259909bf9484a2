"""``laksa secrets`` makes all that docker-compose.yml needs, once, for nobody else's eyes."""

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
    """Run it, and return what it said."""
    said = io.StringIO()
    assert make_secrets(deployment, Console(file=said, width=200)) == 0
    return said.getvalue()


def test_the_compose_file_then_has_all_that_it_needs(deployment: Deployment) -> None:
    """Every required variable, and every secret file."""
    said = make(deployment)
    compose = read_compose(read_environment(deployment.environment))
    for name in compose.content["secrets"]:
        path = deployment.root / compose.secret_file(name)
        assert path.is_file()
        assert path.name in said


def test_the_services_can_use_what_it_made(deployment: Deployment) -> None:
    """Intake its channels, the notifier its endpoints, `laksa topics` its users: everybody who is granted anything."""
    make(deployment)
    opds = default_taxonomy().opds
    channels = load_channels(deployment.secrets / "channels.yaml")
    assert {channels.of_topic(name).channel for name in Channel} == set(Channel)
    endpoints = load_endpoints(deployment.secrets / "endpoints.yaml", opds)
    assert {endpoint.opd for endpoint in endpoints.by_id.values()} == set(opds)
    assert set(read_users(deployment.secrets / "kafka-users.yaml")) == set(principals(opds))


def test_a_service_and_the_cluster_know_the_same_password(deployment: Deployment) -> None:
    """What stands in `.env` for a service stands in the users' file too."""
    make(deployment)
    environment = read_environment(deployment.environment)
    users = read_users(deployment.secrets / "kafka-users.yaml")
    assert {user: users[user] for user in SERVICE_USERS} == {
        user: environment[name] for user, name in SERVICE_USERS.items()
    }


def test_no_two_passwords_are_the_same(deployment: Deployment) -> None:
    """And each is long; two installations share none."""
    make(deployment)
    environment = read_environment(deployment.environment)
    passwords = [value for name, value in environment.items() if name.endswith("PASSWORD")]
    users = read_users(deployment.secrets / "kafka-users.yaml")
    passwords += [password for user, password in users.items() if user not in SERVICE_USERS]
    assert len(set(passwords)) == len(passwords)
    assert min(map(len, passwords)) >= 32


def test_only_the_owner_can_read_them(deployment: Deployment) -> None:
    """Mode 0600; made by root they belong to the user that the containers run as, which is never root."""
    make(deployment)
    files = [deployment.environment, *deployment.secrets.iterdir()]
    assert len(files) == 7
    for file in files:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    uid = int(read_environment(deployment.environment)["CONTAINER_UID"])
    assert uid == (os.getuid() or IMAGE_UID)
    assert {file.stat().st_uid for file in deployment.secrets.iterdir()} == {uid}


def test_it_never_writes_over_anything(deployment: Deployment) -> None:
    """What a person changed stays, and so does every password."""
    make(deployment)
    endpoints = deployment.secrets / "endpoints.yaml"
    endpoints.write_text("endpoints: []\n", encoding="utf-8")
    before = {file: file.read_bytes() for file in [deployment.environment, *deployment.secrets.iterdir()]}
    assert make(deployment) == "all secrets exist already\n"
    assert {file: file.read_bytes() for file in before} == before


def test_it_makes_what_is_missing_and_leaves_the_rest(deployment: Deployment) -> None:
    """An `.env` from before an update, with a line of a person's own and an empty one, gets the names it lacks."""
    deployment.environment.write_text(
        "# mine\nPUBLISH_ADDRESS=192.0.2.1\nKAFKA_STATS_PASSWORD=\nPOSTGRES_PASSWORD=kept-as-it-is\n", encoding="utf-8"
    )
    make(deployment)
    text = deployment.environment.read_text(encoding="utf-8")
    environment = read_environment(deployment.environment)
    assert text.startswith("# mine\nPUBLISH_ADDRESS=192.0.2.1\nPOSTGRES_PASSWORD=kept-as-it-is\n")
    assert text.count("KAFKA_STATS_PASSWORD=") == 1
    assert all(environment[one.name] for one in variables() if one.make)


def test_it_says_when_two_places_disagree(deployment: Deployment) -> None:
    """A password that was changed in one of its two places would lock a service out; no password is quoted."""
    make(deployment)
    users = deployment.secrets / "kafka-users.yaml"
    changed = yaml.safe_load(users.read_text(encoding="utf-8"))
    changed["users"]["router"] = "another-password-of-the-routers"
    users.write_text(yaml.safe_dump(changed), encoding="utf-8")
    with pytest.raises(ConfigurationError, match="KAFKA_ROUTER_PASSWORD") as refused:
        make(deployment)
    assert "another-password" not in str(refused.value)


def test_the_certificate_is_the_call_centres_own(deployment: Deployment) -> None:
    """Its key fits, and who trusts it alone is content with the name in the endpoints' addresses."""
    make(deployment)
    certificate, key = deployment.secrets / "call-centre.crt", deployment.secrets / "call-centre.key"
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(certificate, key)
    assert shaken_hands(server, ssl.create_default_context(cafile=certificate), "call-centre")
    with pytest.raises(ssl.SSLCertVerificationError):
        shaken_hands(server, ssl.create_default_context(cafile=certificate), "somebody-else")


def shaken_hands(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> bool:
    """Whether the two come to an agreement, in memory."""
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
