"""``laksa topics``: applies or checks the users, topics and ACLs of a Kafka cluster."""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from aiokafka.admin import NewPartitions
from aiokafka.errors import KafkaError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from rich.console import Console

from services.cli.deploy.compose_variables import ADMIN_USER
from services.cli.deploy.kafka_admin import KafkaAdmin
from services.cli.deploy.topics_plan import AccessPlan, Plan, plan_access, plan_topics
from services.cli.required_settings import required
from shared.domain.taxonomy import default_taxonomy
from shared.errors import BrokerUnavailable
from shared.messaging import access, topic_specs
from shared.messaging.topic_admin import TopicSpec, admin_client, create_topics, find_topics
from shared.settings import KafkaSettings
from shared.yaml_files import load_yaml_model

TAKE_OVER_SECONDS = 60.0  # takes a second or two if the nodes are idle
LOOKS = 5  # in a row, because each check reads from an arbitrary node, which may be seconds behind the others
LOOK_SECONDS = 0.2
SHORTEST_PASSWORD = 16  # characters; passwords are generated


def _known_user(name: str) -> str:
    if name not in _principals() | {ADMIN_USER}:
        raise ValueError("nothing is granted to this user")
    return name


class UsersFile(BaseModel):
    """The passwords of a cluster's users, by name."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    users: dict[Annotated[str, AfterValidator(_known_user)], Annotated[str, Field(min_length=SHORTEST_PASSWORD)]] = (
        Field(min_length=1, repr=False)
    )


async def apply(
    given: KafkaSettings | None, console: Console, *, users_file: Path | None = None, wide: int | None = None
) -> int:
    """Create what is missing and return 0; 1 if something differs that this command does not change.

    Without ``settings`` it uses the Kafka of the environment.

    Safe to repeat, also while services run. Users are created first, so that their passwords work at once.

    Raises:
        ConfigurationError: this user lacks the permission, or the users file is not valid.
        BrokerUnavailable: Kafka does not answer; completed changes stay, and a repeat is safe.
    """
    settings, wide = given or required(KafkaSettings), wide or topic_specs.WIDE
    passwords = read_users(users_file) if users_file is not None else {}
    protected = _is_protected(settings, console)
    if passwords and protected:
        await asyncio.to_thread(KafkaAdmin(settings).set_passwords, passwords)
        console.print(f"{len(passwords)} users have the passwords of {users_file}")
    plan = await _look(settings, wide, protected=protected)
    await _change(settings, plan)
    console.print(
        f"topics: {len(plan.topics.create)} created, {len(plan.topics.grow)} widened, "
        f"{len(plan.topics.configure)} changed; rules of access: {len(plan.access.grant)} made"
    )
    left = await _until_done(settings, wide, protected=protected)
    return _tell(console, left, "Left as it is")


async def check(given: KafkaSettings | None, console: Console, *, wide: int | None = None) -> int:
    """Change nothing; return 0 if the cluster matches the code, else print a line for each difference and return 1.

    Raises:
        ConfigurationError: this user may not read the configuration.
        BrokerUnavailable: Kafka does not answer.
    """
    settings, wide = given or required(KafkaSettings), wide or topic_specs.WIDE
    protected = _is_protected(settings, console)
    differences = (await _look(settings, wide, protected=protected)).differences()
    if protected:
        known = await asyncio.to_thread(KafkaAdmin(settings).users)
        differences += [f"user {name} has no password" for name in sorted(_principals() - known)]
    if not differences:
        console.print(f"{len(_specs(settings, wide))} topics and all rules of access are as they should be")
    return _tell(console, differences, "Not as it should be")


def read_users(file: Path) -> dict[str, str]:
    """Read the passwords by user from a YAML file ``users: {name: password}``.

    Raises:
        ConfigurationError: the file cannot be read or is not valid; every fault is listed, no password is quoted.
    """
    return load_yaml_model(file, UsersFile, given_by="--users").users


def _principals() -> set[str]:
    return set(access.principals(default_taxonomy().opds))


def _specs(settings: KafkaSettings, wide: int) -> tuple[TopicSpec, ...]:
    return topic_specs.all_topics(
        default_taxonomy().opds,
        replication=settings.replication_factor,
        min_insync=settings.min_insync_replicas,
        wide=wide,
    )


def _is_protected(settings: KafkaSettings, console: Console) -> bool:
    if settings.security_protocol.startswith("SASL"):
        return True
    console.print(f"{settings.security_protocol}: users and rules of access are not looked at", style="yellow")
    return False


async def _look(settings: KafkaSettings, wide: int, *, protected: bool) -> Plan:
    specs = _specs(settings, wide)
    try:
        async with admin_client(settings) as client:
            found = await find_topics(client, [spec.name for spec in specs])
    except (KafkaError, OSError) as error:
        raise BrokerUnavailable(f"Kafka does not answer or does not let us look: {type(error).__name__}") from error
    if not protected:
        return Plan(plan_topics(specs, found), AccessPlan())
    rules = await asyncio.to_thread(KafkaAdmin(settings).grants)
    return Plan(plan_topics(specs, found), plan_access(access.all_grants(default_taxonomy().opds), rules))


async def _change(settings: KafkaSettings, plan: Plan) -> None:
    if plan.topics.create:
        await create_topics(settings, plan.topics.create)
    if plan.topics.grow:
        await _grow(settings, plan.topics.grow)
    if plan.topics.configure:
        await asyncio.to_thread(KafkaAdmin(settings).configure_topics, plan.topics.configure)
    if plan.access.grant:
        await asyncio.to_thread(KafkaAdmin(settings).grant, plan.access.grant)


async def _until_done(settings: KafkaSettings, wide: int, *, protected: bool) -> list[str]:
    """Wait until all nodes show the changes, and return the differences that were not changed on purpose.

    Raises:
        BrokerUnavailable: the changes are not visible in time.
    """
    give_up = time.monotonic() + TAKE_OVER_SECONDS
    looks = 0
    while True:
        plan = await _look(settings, wide, protected=protected)
        looks = 0 if plan.is_to_do else looks + 1
        if looks == LOOKS:
            return plan.differences()
        if time.monotonic() > give_up:
            raise BrokerUnavailable(f"Kafka has not taken it all over after {TAKE_OVER_SECONDS:g} s: run it again")
        await asyncio.sleep(LOOK_SECONDS)


async def _grow(settings: KafkaSettings, counts: Mapping[str, int]) -> None:
    try:
        async with admin_client(settings) as client:
            await client.create_partitions({name: NewPartitions(count) for name, count in counts.items()})
    except (KafkaError, OSError) as error:
        raise BrokerUnavailable(f"Kafka did not widen a topic: {type(error).__name__}") from error


def _tell(console: Console, sentences: list[str], title: str) -> int:
    for sentence in sentences:
        console.print(f"{title}: {sentence}", style="red", markup=False, soft_wrap=True)
    return 1 if sentences else 0
