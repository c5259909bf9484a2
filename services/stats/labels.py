"""The names of codes in Bahasa Indonesia, for the board and the API. Pure."""

from collections.abc import Mapping
from types import MappingProxyType

from services.stats.aggregation import ENDED, NONE, UNKNOWN
from shared.domain.delivery import DeliveryState
from shared.domain.lanes import CallType, Channel, Lane, Mode
from shared.domain.taxonomy import Rollup, Taxonomy
from shared.domain.workflow import CaseStatus

PUBLIC_ENDED = "berakhir"  # shown separately, like rejected and merged

CHANNELS: Mapping[str, str] = MappingProxyType(
    {
        Channel.LAKSA: "LAKSA",
        Channel.CALL_112: "112",
        Channel.WHATSAPP: "WhatsApp",
        Channel.WEB: "Web",
        Channel.SOCIAL: "Media sosial",
        Channel.CALL_CENTER: "Pusat panggilan",
    }
)
CALL_TYPES: Mapping[str, str] = MappingProxyType(
    {
        CallType.NORMAL: "Normal",
        CallType.INFORMATION: "Informasi",
        CallType.PRANK: "Iseng",
        CallType.GHOST: "Kosong",
        CallType.DROPPED: "Terputus",
        NONE: "Bukan panggilan",
    }
)
LANES: Mapping[str, str] = MappingProxyType({Lane.EMERGENCY: "Darurat", Lane.ROUTINE: "Rutin"})
MODES: Mapping[str, str] = MappingProxyType({Mode.LIVE: "Nyata", Mode.EXERCISE: "Latihan", Mode.BACKFILL: "Riwayat"})
DELIVERY_STATES: Mapping[str, str] = MappingProxyType(
    {
        DeliveryState.PENDING: "Menunggu dikirim",
        DeliveryState.SENDING: "Sedang dikirim",
        DeliveryState.DELIVERED: "Terkirim",
        DeliveryState.ACKNOWLEDGED: "Dikonfirmasi",
        DeliveryState.RETRYING: "Gagal, dicoba lagi",
        DeliveryState.EXHAUSTED: "Gagal, percobaan habis",
        DeliveryState.CLOSED_BY_PERSON: "Ditutup petugas",
    }
)
ROLES: Mapping[str, str] = MappingProxyType({"owner": "Penanggung jawab", "informed": "Tembusan"})
HAPPENINGS: Mapping[str, str] = MappingProxyType(
    {
        "registered": "Laporan diterima",
        "routed": "Diteruskan ke",
        "triaged": "Masuk triase di",
        "ended": "Berakhir di router",
        "rejected": "Ditolak",
        "status_changed": "Jawaban",
        "delivered": "Terkirim ke",
        "failed": "Pengiriman gagal ke",
        "acknowledged": "Dikonfirmasi",
        "escalated": "Dieskalasi di",
        "exhausted": "Percobaan kirim habis untuk",
    }
)
_NOTHING: Mapping[str, str] = MappingProxyType(
    {"category": "Tanpa kategori", "opd": "Tanpa OPD", "kecamatan": "Tidak diketahui"}
)


def status_label(status: str) -> str:
    """The name of a case status, or of ``ended``."""
    known = CaseStatus.parse(status)
    if known is not None:
        return known.label
    return "Berakhir di router" if status == ENDED else status


def public_status(status: str) -> str:
    """The status for the citizen: menunggu, proses, selesai, or one of those that are shown separately."""
    known = CaseStatus.parse(status)
    return known.public if known is not None else PUBLIC_ENDED


def category_label(code: str, taxonomy: Taxonomy) -> str:
    """The name of a category."""
    known = taxonomy.categories.get(code)
    return known.name_id if known else label_of("category", code, taxonomy)


def label_of(dimension: str, key: str, taxonomy: Taxonomy) -> str:
    """The name of a value of a dimension of the cube; the value itself if it has no name."""
    names: Mapping[str, Mapping[str, str]] = {
        "channel": CHANNELS,
        "call_type": CALL_TYPES,
        "category": {code: category.name_id for code, category in taxonomy.categories.items()},
        "opd": {code: opd.name for code, opd in taxonomy.opds.items()},
        "kecamatan": {code: kecamatan.name for code, kecamatan in taxonomy.kecamatan.items()},
        "rollup": {line.key: line.label for line in Rollup},
    }
    if dimension == "status":
        return status_label(key)
    fallback = {NONE: _NOTHING.get(dimension, key), UNKNOWN: "Tidak dikenal"}
    return names.get(dimension, {}).get(key, fallback.get(key, key))
