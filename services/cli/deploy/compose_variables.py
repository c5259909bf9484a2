"""Every variable that docker-compose.yml reads from `.env`, with its meaning and its default.

The generator of `.env`, `.env.example` and the tests all read this one list.
"""

import base64
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass

PASSWORD_BYTES = 24
IMAGE_UID = 10_001  # the image's user if the builder is root: the project's containers never run as root

# Kafka's principals with a password in `.env`, and its variable. `node` and `admin` use PLAIN; the others are users of
# the cluster and are in kafka-users.yaml too.
ADMIN_USER = "admin"  # as in services.cli.run.embedded_kafka.config, which cannot be imported in the image
NODE_USERS = {"node": "KAFKA_NODE_PASSWORD", ADMIN_USER: "KAFKA_ADMIN_PASSWORD"}
SERVICE_USERS = {
    "intake": "KAFKA_INTAKE_PASSWORD",
    "router": "KAFKA_ROUTER_PASSWORD",
    "notifier": "KAFKA_NOTIFIER_PASSWORD",
    "stats": "KAFKA_STATS_PASSWORD",
    "lag-exporter": "KAFKA_LAG_EXPORTER_PASSWORD",
}
DATABASE_ROLES = {
    "postgres": "POSTGRES_PASSWORD",
    "laksa_notifier_emergency": "POSTGRES_NOTIFIER_EMERGENCY_PASSWORD",
    "laksa_notifier_routine": "POSTGRES_NOTIFIER_ROUTINE_PASSWORD",
    "laksa_stats": "POSTGRES_STATS_PASSWORD",
}


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable. ``make`` generates its value for `.env`; without it the compose file has the default."""

    name: str
    meaning: str
    default: str = ""
    make: Callable[[], str] | None = None


def new_password() -> str:
    """A password that needs no quoting in URLs, YAML and Kafka's login settings."""
    return secrets.token_urlsafe(PASSWORD_BYTES)


def new_cluster_id() -> str:
    """Kafka's form of a UUID: 22 characters of URL-safe base64; the first byte keeps it from starting with a dash."""
    return base64.urlsafe_b64encode(b"L" + secrets.token_bytes(15)).decode().rstrip("=")


def container_uid() -> str:
    """The user id of the project's containers: the owner of the secret files, but never root."""
    return str(os.getuid() or IMAGE_UID)


def container_gid() -> str:
    """The group id of the project's containers."""
    return str(os.getgid() if os.getuid() else IMAGE_UID)


def variables() -> tuple[Variable, ...]:
    """All variables, in their order in `.env`."""
    return (
        Variable("KAFKA_CLUSTER_ID", "The cluster's id; a formatted node refuses every other one", make=new_cluster_id),
        *(
            Variable(name, f"Password of Kafka's {user}, by PLAIN among the nodes", make=new_password)
            for user, name in NODE_USERS.items()
        ),
        *(
            Variable(name, f"Password of Kafka's user {user}; the same as in kafka-users.yaml", make=new_password)
            for user, name in SERVICE_USERS.items()
        ),
        *(
            Variable(name, f"Password of PostgreSQL's role {role}", make=new_password)
            for role, name in DATABASE_ROLES.items()
        ),
        Variable(
            "GRAFANA_ADMIN_PASSWORD", "Password of Grafana's user admin, from its first start on", make=new_password
        ),
        Variable("CONTAINER_UID", "User that our containers run as: the owner of deploy/secrets", make=container_uid),
        Variable("CONTAINER_GID", "Group that our containers run as", make=container_gid),
        Variable("IMAGE_TAG", "Tag of the image that `make up` builds", default="dev"),
        Variable(
            "PUBLISH_ADDRESS", "Address that board, intake, Grafana and mail are published on", default="127.0.0.1"
        ),
        Variable("BOARD_PORT", "Published port of the board and of stats", default="8105"),
        Variable("INTAKE_PORT", "Published port of intake", default="8100"),
        Variable("GRAFANA_PORT", "Published port of Grafana", default="3000"),
        Variable("MAIL_PORT", "Published port of the mail sink's page", default="8025"),
        Variable(
            "PUBLIC_STATS_URL", "Base of stats as the public reaches it, in links", default="http://127.0.0.1:8105"
        ),
        Variable(
            "PUBLIC_ACK_URL_EMERGENCY",
            "Base of the emergency lane's ack_url, as call centres reach it",
            default="http://notifier-emergency:8103",
        ),
        Variable(
            "PUBLIC_ACK_URL_ROUTINE",
            "Base of the routine lane's ack_url, as call centres reach it",
            default="http://notifier-routine:8104",
        ),
    )
