"""Administration that aiokafka does not offer: users, ACLs, and changing single settings of a topic.

It uses confluent-kafka, which only this command imports. The calls block: run them in a thread.
"""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from types import MappingProxyType
from typing import Any, TypeVar

from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from shared.errors import BrokerUnavailable, ConfigurationError
from shared.messaging.access import Grant, Match, Operation, Resource
from shared.settings import KafkaSettings

TIMEOUT_S = 30.0
SCRAM_ITERATIONS = 8192  # twice Kafka's minimum
ANYBODY = "*"

T = TypeVar("T")

_RESOURCES: Mapping[Resource, ResourceType] = MappingProxyType(
    {"topic": ResourceType.TOPIC, "group": ResourceType.GROUP, "cluster": ResourceType.BROKER}
)
_MATCHES: Mapping[Match, ResourcePatternType] = MappingProxyType(
    {"literal": ResourcePatternType.LITERAL, "prefixed": ResourcePatternType.PREFIXED}
)
OPERATIONS: Mapping[Operation, AclOperation] = MappingProxyType(
    {
        "read": AclOperation.READ,
        "write": AclOperation.WRITE,
        "describe": AclOperation.DESCRIBE,
        "describe_configs": AclOperation.DESCRIBE_CONFIGS,
    }
)


class KafkaAdmin:
    """Reads and changes the users, ACLs and topic settings of one cluster.

    Every call raises:
        BrokerUnavailable: Kafka does not answer.
        ConfigurationError: this user lacks the permission, or the cluster has no authorizer.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._client = AdminClient(client_options(settings))

    def grants(self) -> set[Grant]:
        """All ACLs that allow an operation in the form of the project's table; others are ignored."""
        everything = AclBindingFilter(
            ResourceType.ANY, None, ResourcePatternType.ANY, None, None, AclOperation.ANY, AclPermissionType.ANY
        )
        found = _answer(lambda: self._client.describe_acls(everything, request_timeout=TIMEOUT_S))
        return {grant for binding in found if (grant := _grant_of(binding)) is not None}

    def grant(self, grants: Iterable[Grant]) -> None:
        """Create ACLs; existing ACLs stay."""
        bindings = [_binding(grant) for grant in grants]
        for future in self._client.create_acls(bindings, request_timeout=TIMEOUT_S).values():
            _result(future)

    def users(self) -> set[str]:
        """The users with a SCRAM-SHA-512 password."""
        found = _answer(lambda: self._client.describe_user_scram_credentials(request_timeout=TIMEOUT_S))
        return {
            name
            for name, described in found.items()
            if any(info.mechanism == ScramMechanism.SCRAM_SHA_512 for info in described.scram_credential_infos)
        }

    def set_passwords(self, passwords: Mapping[str, str]) -> None:
        """Set the passwords of users; open connections stay open."""
        how = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, SCRAM_ITERATIONS)
        wanted = [UserScramCredentialUpsertion(user, how, word.encode()) for user, word in passwords.items()]
        for future in self._client.alter_user_scram_credentials(wanted, request_timeout=TIMEOUT_S).values():
            _result(future)

    def configure_topics(self, settings: Mapping[str, Mapping[str, str]]) -> None:
        """Change only these settings of these topics."""
        wanted = [
            ConfigResource(
                ResourceType.TOPIC,
                topic,
                incremental_configs=[
                    ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
                    for name, value in values.items()
                ],
            )
            for topic, values in settings.items()
        ]
        for future in self._client.incremental_alter_configs(wanted, request_timeout=TIMEOUT_S).values():
            _result(future)


def client_options(settings: KafkaSettings) -> dict[str, Any]:
    """The connection options of confluent-kafka."""
    options: dict[str, Any] = {
        "bootstrap.servers": settings.bootstrap_servers,
        "security.protocol": settings.security_protocol,
        "log_level": 2,  # only critical lines on stderr; other faults are raised as errors
    }
    if settings.ssl_ca_file is not None:
        options["ssl.ca.location"] = settings.ssl_ca_file
    if settings.sasl_username is not None and settings.sasl_password is not None:
        options |= {
            "sasl.mechanism": settings.sasl_mechanism,
            "sasl.username": settings.sasl_username,
            "sasl.password": settings.sasl_password.get_secret_value(),
        }
    return options


def _binding(grant: Grant) -> AclBinding:
    return AclBinding(
        _RESOURCES[grant.resource],
        grant.name,
        _MATCHES[grant.match],
        f"User:{grant.principal}",
        ANYBODY,
        OPERATIONS[grant.operation],
        AclPermissionType.ALLOW,
    )


def _grant_of(binding: AclBinding) -> Grant | None:
    resources = {kind: name for name, kind in _RESOURCES.items()}
    matches = {kind: name for name, kind in _MATCHES.items()}
    operations = {kind: name for name, kind in OPERATIONS.items()}
    try:
        resource, match = resources[binding.restype], matches[binding.resource_pattern_type]
        operation = operations[binding.operation]
    except KeyError:
        return None
    if binding.permission_type != AclPermissionType.ALLOW or binding.host != ANYBODY:
        return None
    return Grant(binding.principal.removeprefix("User:"), resource, match, binding.name, operation)


def _answer(ask: Callable[[], "Future[T]"]) -> T:
    return _result(ask())


def _result(future: "Future[T]") -> T:
    try:
        return future.result(TIMEOUT_S)
    except KafkaException as error:
        name = error.args[0].name()
        if "AUTHORIZATION" in name:
            raise ConfigurationError(
                f"Kafka does not let this user do that ({name}): set LAKSA_KAFKA_SASL_USERNAME to its administrator"
            ) from error
        if name == "SECURITY_DISABLED":
            raise ConfigurationError(
                "This Kafka lets everybody do everything: set authorizer.class.name on its nodes"
            ) from error
        raise BrokerUnavailable(f"Kafka does not answer ({name}); is LAKSA_KAFKA_BOOTSTRAP_SERVERS right?") from error
