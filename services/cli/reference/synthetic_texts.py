"""Invented Indonesian sentences, names and streets for the synthetic reference data."""

from collections.abc import Mapping
from types import MappingProxyType

from shared.domain.lanes import CallType

NAMES = ("Siti", "Budi", "Rina", "Agus", "Dewi", "Joko", "Lina", "Hendra", "Wulan", "Rahmat", "Yuni", "Fajar")

STREETS = (
    "Jl. Daan Mogot",
    "Jl. MH Thamrin",
    "Jl. Veteran",
    "Jl. Imam Bonjol",
    "Jl. Hasyim Ashari",
    "Jl. Raden Fatah",
    "Jl. Gatot Subroto",
    "Jl. Benteng Betawi",
    "Jl. Maulana Hasanudin",
    "Jl. Pembangunan 3",
)

# None: texts of reports without a category
TEXTS: Mapping[str | None, tuple[str, ...]] = MappingProxyType(
    {
        None: ("Mohon dibantu, saya tidak tahu harus lapor ke mana, lokasi di", "Ada masalah yang perlu dicek di"),
        "MED-AMBULANS": ("Butuh ambulans, warga sesak napas di", "Lansia pingsan, mohon AGD ke"),
        "MED-RUJUK": ("Mohon antar rujukan pasien dari", "Butuh mobil jenazah ke"),
        "FIR-KEBAKARAN": ("Kebakaran rumah warga di", "Api membesar di warung dekat"),
        "RES-PENYELAMATAN": ("Anak terjebak di saluran air di", "Orang terkunci di lantai dua ruko di"),
        "DIS-POHON": ("Pohon tumbang menutup jalan di", "Pohon besar menimpa mobil di"),
        "DIS-BANJIR": ("Banjir setinggi lutut di", "Genangan air tidak surut di"),
        "DIS-BENCANA": ("Rumah roboh akibat angin kencang di", "Tanah longsor di tepi kali dekat"),
        "ANI-ULAR": ("Ular masuk dapur warga di", "Ular sanca di atap rumah di"),
        "ANI-TAWON": ("Sarang tawon di pohon depan sekolah di", "Tawon menyerang warga di"),
        "ANI-LIAR": ("Monyet masuk permukiman di", "Biawak besar di selokan"),
        "TRA-LAKA": ("Kecelakaan motor, ada korban luka di", "Truk menabrak pembatas di"),
        "TRA-LALIN": ("Lampu lalu lintas mati di simpang", "Parkir liar memacetkan"),
        "SEC-KRIMINAL": ("Percobaan pencurian motor di", "Tawuran pelajar di"),
        "SEC-KDRT": ("Ada teriakan minta tolong dari rumah di", "Anak dipukuli, mohon segera ke"),
        "SEC-TRANTIB": ("Pedagang menutup trotoar di", "Suara musik sangat keras larut malam di"),
        "SOC-TERLANTAR": ("Lansia terlantar di halte", "Orang tidur di trotoar berhari-hari di"),
        "SOC-ODGJ": ("ODGJ mengganggu pengguna jalan di", "ODGJ melempar batu di"),
        "SOC-BANTUAN": ("Mohon info bantuan sosial untuk warga", "Tetangga butuh sembako di"),
        "SOC-GEPENG": ("Anak jalanan di lampu merah", "Pengemis memaksa pengendara di"),
        "INF-JALAN": ("Jalan berlubang dalam di", "Aspal rusak parah di"),
        "INF-DRAINASE": ("Gorong-gorong tersumbat di", "Tutup drainase hilang di"),
        "INF-PJU": ("Lampu jalan padam sejak minggu lalu di", "PJU mati, gelap sekali di"),
        "INF-LISTRIK": ("Kabel listrik putus menjuntai di", "Gardu mengeluarkan percikan di"),
        "INF-TELKOM": ("Tiang telepon miring di", "Kabel fiber menjuntai di"),
        "INF-LAIN": ("Halte rusak di", "Pagar jembatan hilang di"),
        "INF-PERUMAHAN": ("Mohon info rumah tidak layak huni di", "Sengketa batas tanah di"),
        "ENV-SAMPAH": ("Sampah menumpuk di", "TPS liar di pinggir"),
        "ENV-BAKAR": ("Pembakaran sampah setiap sore di", "Limbah berbau di kali dekat"),
        "ENV-TAMAN": ("Pohon perlu dipangkas di", "Taman tidak terawat di"),
        "WAT-PDAM": ("Air PDAM mati tiga hari di", "Pipa air bocor di"),
        "ADM-DUKCAPIL": ("KTP belum jadi sejak dua bulan, warga", "Antrean KK sangat lama, warga"),
        "ADM-NAKER": ("Upah belum dibayar pabrik di", "Mohon info bursa kerja, warga"),
        "ADM-IZIN": ("Izin usaha belum terbit, toko di", "Reklame tanpa izin di"),
        "ADM-PENDIDIKAN": ("Pungutan di sekolah dekat", "Atap kelas bocor di sekolah"),
        "ADM-LAYANAN": ("Aplikasi layanan sering gagal, warga", "Loket pelayanan tutup lebih awal di"),
        "GEN-ASPIRASI": ("Usul penambahan ruang bermain anak di", "Terima kasih, saran untuk kota dari warga"),
    }
)

# What the operator writes of a call that is not a report
CALL_TEXTS: Mapping[CallType, tuple[str, ...]] = MappingProxyType(
    {
        CallType.PRANK: ("Anak-anak tertawa lalu menutup telepon", "Penelepon bercanda, tidak ada kejadian"),
        CallType.GHOST: ("Tidak ada suara", "Sambungan terbuka tanpa suara, kemungkinan tertekan di saku"),
        CallType.INFORMATION: ("Menanyakan nomor telepon puskesmas", "Menanyakan jam buka layanan KTP"),
        CallType.DROPPED: ("Sambungan terputus sebelum lokasi disebut", "Terdengar minta tolong, lalu terputus"),
    }
)
