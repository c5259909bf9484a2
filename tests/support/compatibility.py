"""Whether a schema may follow another: events of the one must be readable by consumers of the other, both ways."""

from collections.abc import Iterator
from typing import Any

from jsonsubschema import isSubschema

Schema = dict[str, Any]


def incompatibilities(old: Schema, new: Schema) -> list[str]:
    """What forbids ``new`` to follow ``old``; empty where it adds optional fields only.

    Backward: what was written under the old schema, without further fields, is valid under the new one (consumers
    are updated first, and topics keep a week of old events). Forward: what is written under the new one is valid
    under the old one, which ignores fields that it does not know (departments update when they like).
    """
    found = []
    if not isSubschema(_closed(old), new):
        found.append("backward: an event of the old schema is not valid under the new one")
    if not isSubschema(new, old):
        found.append("forward: an event of the new schema is not valid under the old one")
    # jsonsubschema does not look at formats, but a consumer that parses a UUID does
    before, after = dict(_formats(old)), dict(_formats(new))
    found += [f"format: {path} was {before[path]}" for path in before if before[path] != after.get(path)]
    return found


def _closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    return closed | {"additionalProperties": False} if "properties" in closed else closed


def _formats(schema: Any, path: str = "") -> Iterator[tuple[str, str | None]]:
    """Each typed place of a schema with its format, or None."""
    if isinstance(schema, list):
        for number, one in enumerate(schema):
            yield from _formats(one, f"{path}/{number}")
    elif isinstance(schema, dict):
        if isinstance(schema.get("type"), str):
            yield path, schema.get("format")
        for key, value in schema.items():
            yield from _formats(value, f"{path}/{key}")
