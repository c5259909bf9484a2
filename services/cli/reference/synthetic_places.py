"""The places of the synthetic reference data: the 13 kecamatan, each with its rough centre and some kelurahan."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReferencePlace:
    """A kecamatan's rough centre (WGS 84 degrees, exact to about a kilometre) and some of its kelurahan."""

    kecamatan: str
    latitude: float
    longitude: float
    kelurahan: tuple[str, ...]


PLACES = (
    ReferencePlace("BATUCEPER", -6.165, 106.665, ("Batuceper", "Batujaya", "Kebon Besar", "Poris Gaga")),
    ReferencePlace("BENDA", -6.128, 106.685, ("Benda", "Jurumudi", "Belendung", "Pajang")),
    ReferencePlace("CIBODAS", -6.200, 106.607, ("Cibodasari", "Uwung Jaya", "Panunggangan Barat")),
    ReferencePlace("CILEDUG", -6.228, 106.712, ("Sudimara Barat", "Tajur", "Parung Serab", "Paninggilan")),
    ReferencePlace("CIPONDOH", -6.190, 106.680, ("Poris Plawad", "Ketapang", "Gondrong", "Petir", "Kenanga")),
    ReferencePlace("JATIUWUNG", -6.195, 106.585, ("Gandasari", "Manis Jaya", "Keroncong", "Alam Jaya")),
    ReferencePlace("KARANG_TENGAH", -6.217, 106.720, ("Karang Mulya", "Pondok Bahar", "Pondok Pucung")),
    ReferencePlace("KARAWACI", -6.187, 106.620, ("Bojong Jaya", "Cimone", "Nusa Jaya", "Bugel")),
    ReferencePlace("LARANGAN", -6.237, 106.730, ("Larangan Indah", "Cipadu", "Kreo", "Gaga")),
    ReferencePlace("NEGLASARI", -6.145, 106.645, ("Karang Sari", "Selapajang Jaya", "Mekarsari")),
    ReferencePlace("PERIUK", -6.165, 106.600, ("Periuk", "Gebang Raya", "Sangiang Jaya", "Gembor")),
    ReferencePlace("PINANG", -6.220, 106.675, ("Pinang", "Kunciran", "Cipete", "Nerogtog")),
    ReferencePlace("TANGERANG", -6.185, 106.635, ("Sukasari", "Babakan", "Cikokol", "Buaran Indah", "Tanah Tinggi")),
)
