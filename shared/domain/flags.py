"""The flags that intake gives a report, and what each means: codes of a closed set, never values.

A flag says what intake changed, left out or could not recognise. The report was accepted all the same.
"""

from collections.abc import Mapping
from types import MappingProxyType

CALL_TYPE_MISSING = "call_type_missing"
CALL_TYPE_UNKNOWN = "call_type_unknown"
CATEGORY_UNKNOWN = "category_unknown"
CONTROLS_REMOVED = "controls_removed"
DUPLICATE_KEYS = "duplicate_keys"
EXTRA_IGNORED = "extra_ignored"
FIELD_UNUSABLE = "field_unusable"
KECAMATAN_UNKNOWN = "kecamatan_unknown"
KEY_IGNORED = "idempotency_key_ignored"
LOCATION_SUSPECT = "location_suspect"
REFERENCE_REUSED = "reference_reused"
RETYPED = "retyped"
SHORTENED = "shortened"

# The fields of a 112 call that can be left out; without place and its degrees, which make the location suspect.
_FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "call_ended_at": "The end time of the call",
        "call_started_at": "The start time of the call",
        "call_type": "The call type",
        "caller": "The caller",
        "category": "The category",
        "email": "An e-mail address",
        "kecamatan": "The kecamatan",
        "kelurahan": "The kelurahan",
        "landmark": "The landmark",
        "mode": "The mode",
        "name": "A person's name",
        "occurred_at": "The time of the incident",
        "operator": "The operator",
        "phone": "A telephone number",
        "reporter": "The reporter",
        "source_reference": "The channel's own reference",
        "text": "The text",
    }
)


def unusable(field: str) -> str:
    """The flag of a field that could not be used and was left out."""
    return f"{field}_unusable" if field in _FIELDS else FIELD_UNUSABLE


MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        CALL_TYPE_MISSING: "The call had no type. It counts as a normal call.",
        CALL_TYPE_UNKNOWN: "The call type is not one of ours. The call counts as a normal call.",
        CATEGORY_UNKNOWN: "The category code is not in the taxonomy. The Live Room decides which department gets it.",
        CONTROLS_REMOVED: "Control characters were removed from a text.",
        DUPLICATE_KEYS: "The JSON had a key twice. The last value was used.",
        EXTRA_IGNORED: "A field that this API does not have was ignored.",
        FIELD_UNUSABLE: "A field could not be read and was left out.",
        KECAMATAN_UNKNOWN: "The kecamatan is not one of Kota Tangerang. Its name was added to the landmark.",
        KEY_IGNORED: "The Idempotency-Key header could not be used and was ignored.",
        LOCATION_SUSPECT: "The coordinates could not be used and were left out. The Live Room checks the place.",
        REFERENCE_REUSED: "The same reference came before with other content. This is a report of its own.",
        RETYPED: "A value had the wrong JSON type and was converted.",
        SHORTENED: "A text was too long and was cut at the limit.",
    }
    | {unusable(field): f"{name} could not be read and was left out." for field, name in _FIELDS.items()}
)


def meaning_of(flag: str) -> str:
    """What a flag means, in a sentence; a newer intake may know flags that this table does not."""
    return MEANINGS.get(flag, "This version does not know the flag.")
