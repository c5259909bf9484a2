"""A certificate for the demo call centre, because reports are encrypted between machines, also in a demo."""

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from services.cli.layout import write_private
from shared.errors import ConfigurationError

DAYS = 825  # the longest validity that clients accept
SECONDS = 60


def make_certificate(certificate: Path, key: Path, names: Sequence[str], addresses: Sequence[str]) -> None:
    """Write a self-signed certificate for these names and addresses, and its key. It cannot sign other certificates.

    Raises:
        ConfigurationError: openssl is missing or fails; the message says what to do.
    """
    openssl = shutil.which("openssl")
    if openssl is None:
        raise ConfigurationError("openssl is needed to make the demo call centre's certificate: install it")
    alternatives = [*(f"DNS:{name}" for name in names), *(f"IP:{address}" for address in addresses)]
    with tempfile.TemporaryDirectory() as folder:
        made_key, made_certificate = Path(folder, "key.pem"), Path(folder, "certificate.pem")
        command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-sha256", "-days", str(DAYS)]
        command += ["-subj", f"/CN={names[0]}", "-keyout", str(made_key), "-out", str(made_certificate)]
        for extension in (
            f"subjectAltName={','.join(alternatives)}",
            "keyUsage=critical,digitalSignature,keyEncipherment",
            "extendedKeyUsage=serverAuth",
        ):
            command += ["-addext", extension]
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)  # noqa: S603  # fixed
        if done.returncode != 0:
            raise ConfigurationError(f"openssl could not make a certificate: {done.stderr.strip().splitlines()[-1:]}")
        write_private(key, made_key.read_text(encoding="ascii"))
        write_private(certificate, made_certificate.read_text(encoding="ascii"))
