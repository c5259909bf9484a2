"""Repairs a 112 call: each invalid field is corrected or left out, and flagged. Pure."""

import math
import re
from collections.abc import Sequence
from typing import Any, Final

from services.intake.bodies import LINE_ENDS
from services.intake.faults import PLACE_CODES, Fault
from shared.domain.flags import (
    CALL_TYPE_MISSING,
    CONTROLS_REMOVED,
    EXTRA_IGNORED,
    LOCATION_SUSPECT,
    RETYPED,
    SHORTENED,
    unusable,
)
from shared.domain.lanes import CallType
from shared.domain.texts import strip_controls

DEGREES = re.compile(r"\s*[-+]?[0-9]{1,3}([.,][0-9]{1,20})?\s*")  # also with a decimal comma, as in Indonesia
TEXT_FOR: Final = {"place": "landmark", "caller": "name", "reporter": "name"}  # takes a plain string
DROP: Final = object()
FLAG_OF_MENDING: Final = {"control_characters": CONTROLS_REMOVED, "string_too_long": SHORTENED}


def salvage(fields: dict[str, Any], faults: Sequence[Fault], *, only_drop: bool) -> tuple[dict[str, Any], list[str]]:
    """Remove these faults from the fields; returns the fields and the flags that describe the changes.

    A correction may reveal another fault of the same field, so check the result again. With ``only_drop`` invalid
    fields are removed, which always terminates.
    """
    saved = {name: dict(value) if isinstance(value, dict) else value for name, value in fields.items()}
    flags = [_save(saved, fault, only_drop=only_drop) for fault in faults]
    return saved, flags


def _save(fields: dict[str, Any], fault: Fault, *, only_drop: bool) -> str:
    holder = fields if len(fault.path) == 1 else fields.get(str(fault.path[0]))
    name = str(fault.path[-1])
    if fault.code in PLACE_CODES:
        for degrees in ("latitude", "longitude"):
            fields.get("place", {}).pop(degrees, None)
        return LOCATION_SUSPECT
    if fault.path == ("call_type",) and fault.code == "missing":
        fields["call_type"] = CallType.NORMAL.value
        return CALL_TYPE_MISSING
    if not isinstance(holder, dict) or name not in holder:
        return _flag_of_loss(name, fault.code)
    mended = DROP if only_drop else _mend(name, holder[name], fault)
    if mended is DROP:
        del holder[name]
        return _flag_of_loss(name, fault.code)
    holder[name] = mended
    return FLAG_OF_MENDING.get(fault.code, RETYPED)


def _mend(name: str, value: object, fault: Fault) -> object:
    if isinstance(value, str):
        return _mend_text(name, value, fault)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return str(value) if fault.code == "string_type" and is_number else DROP


def _mend_text(name: str, value: str, fault: Fault) -> object:
    if fault.code == "control_characters":
        clean, _ = strip_controls(value)
        return clean if name == "text" else "".join(" " if one in LINE_ENDS else one for one in clean)
    if fault.code == "string_too_long" and fault.limit:
        return value[: fault.limit]
    if fault.code == "float_type" and DEGREES.fullmatch(value):
        return float(value.replace(",", "."))
    if fault.code == "model_type" and name in TEXT_FOR:
        return {TEXT_FOR[name]: value}
    return DROP


def _flag_of_loss(name: str, code: str) -> str:
    if code == "extra_forbidden":
        return EXTRA_IGNORED
    if name in {"place", "latitude", "longitude"}:
        return LOCATION_SUSPECT
    return unusable(name)
