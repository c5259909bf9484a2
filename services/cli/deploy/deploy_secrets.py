"""``laksa secrets``: creates what docker-compose.yml needs and is missing: `.env`, keys, users, a certificate.

Existing files are not overwritten, because a person may have changed them. All files are readable by their owner only.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from rich.console import Console

from services.cli.deploy.certificate import make_certificate
from services.cli.deploy.compose_variables import IMAGE_UID, SERVICE_USERS, new_password, variables
from services.cli.keys import channels_file, endpoints_file, load_secrets
from services.cli.layout import Layout, write_private
from services.cli.settings import PROJECT
from shared.domain.lanes import Channel
from shared.domain.taxonomy import default_taxonomy
from shared.errors import ConfigurationError
from shared.yaml_files import invalid_file, read_yaml

CALL_CENTRE_URL = "https://call-centre:8106"
CALL_CENTRE_NAMES = ("call-centre", "localhost")
CALL_CENTRE_ADDRESSES = ("127.0.0.1",)
FOLDER_MODE = 0o700


@dataclass(frozen=True, slots=True)
class Deployment:
    """The files of one installation."""

    root: Path

    @property
    def environment(self) -> Path:
        """The `.env` file, which docker compose reads."""
        return self.root / ".env"

    @property
    def secrets(self) -> Path:
        """The folder that is mounted into the containers and ignored by git."""
        return self.root / "deploy" / "secrets"


def make_secrets(deployment: Deployment, console: Console) -> int:
    """Create what is missing and print the names. Returns the exit status.

    Raises:
        ConfigurationError: a file cannot be used or written; the message names it.
    """
    try:
        deployment.secrets.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
        made = list(_make(deployment))
        _hand_over(deployment)
    except OSError as error:
        raise ConfigurationError(f"{error.filename} cannot be written: {error.strerror}") from error
    for path in made:
        console.print(f"made {path.relative_to(deployment.root)}", highlight=False, soft_wrap=True)
    if not made:
        console.print("all secrets exist already", highlight=False)
    return 0


def read_environment(path: Path) -> dict[str, str]:
    """Read the variables of an `.env`: ``NAME=value`` on each line, ``#`` starts a comment."""
    lines = path.read_text(encoding="utf-8").splitlines()
    pairs = (line.partition("=") for line in lines if "=" in line and not line.lstrip().startswith("#"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def _make(deployment: Deployment) -> Iterator[Path]:
    folder = Layout(deployment.secrets)
    if _complete_environment(deployment.environment):
        yield deployment.environment
    passwords = read_environment(deployment.environment)
    keys_were_there = folder.secrets.exists()
    keys = load_secrets(folder)
    if not keys_were_there:
        yield folder.secrets
    users = deployment.secrets / "kafka-users.yaml"
    texts: Mapping[Path, Callable[[], str]] = {
        folder.channels: lambda: channels_file(keys),
        folder.endpoints: lambda: endpoints_file(keys, CALL_CENTRE_URL),
        users: lambda: _users_file(passwords),
    }
    for path, text in texts.items():
        if not path.exists():
            write_private(path, text())
            yield path
    _compare_passwords(users, passwords)
    certificate, key = deployment.secrets / "call-centre.crt", deployment.secrets / "call-centre.key"
    if not certificate.exists() or not key.exists():
        make_certificate(certificate, key, CALL_CENTRE_NAMES, CALL_CENTRE_ADDRESSES)
        yield certificate
        yield key


def _complete_environment(path: Path) -> bool:
    """Append the missing variables and keep the existing lines; returns whether any was missing."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    known = read_environment(path) if path.exists() else {}
    missing = [variable for variable in variables() if variable.make is not None and not known.get(variable.name)]
    if not missing:
        return False
    lines = text.splitlines()
    # an existing line without a value would take precedence over the added line
    empty = {variable.name for variable in missing}
    lines = [line for line in lines if line.partition("=")[0].strip() not in empty]
    if not known:
        lines += ["# Read by docker compose. Made by `laksa secrets`; .env.example describes the variables."]
    for variable in missing:
        value = variable.make() if variable.make is not None else variable.default
        lines += [f"# {variable.meaning}", f"{variable.name}={value}"]
    write_private(path, "\n".join(lines) + "\n")
    return True


def _users_file(passwords: Mapping[str, str]) -> str:
    """The users of the cluster: services with their passwords of `.env`, channels and departments with new ones."""
    users = {user: passwords[name] for user, name in SERVICE_USERS.items()}
    users |= {f"channel-{name}": new_password() for name in Channel}
    users |= {f"opd-{code.lower()}": new_password() for code in default_taxonomy().opds}
    return yaml.safe_dump({"users": users}, sort_keys=False)


def _compare_passwords(users_file: Path, passwords: Mapping[str, str]) -> None:
    """Raise if a service's passwords in both files differ."""
    document = read_yaml(users_file)
    if document.faults:
        raise invalid_file(users_file, document.faults, given_by="deploy/secrets")
    try:
        users = document.content["users"]
        differing = [name for user, name in SERVICE_USERS.items() if users.get(user) != passwords[name]]
    except (TypeError, KeyError, AttributeError) as error:
        raise ConfigurationError(f"{users_file} does not hold `users:` with a name and a password each") from error
    if differing:
        raise ConfigurationError(
            f"{', '.join(differing)} in .env and the same users in {users_file.name} have different passwords. "
            "Write the same one into both"
        )


def _hand_over(deployment: Deployment) -> None:
    """As root: make the containers' user the owner of the files, which it could not read otherwise."""
    if os.getuid() != 0:
        return
    named = read_environment(deployment.environment)
    uid, gid = int(named.get("CONTAINER_UID", IMAGE_UID)), int(named.get("CONTAINER_GID", IMAGE_UID))
    for path in (deployment.secrets, *deployment.secrets.iterdir()):
        if path.name != ".gitignore":
            os.chown(path, uid, gid)


def default_deployment() -> Deployment:
    """The deployment of this checkout."""
    return Deployment(PROJECT)
