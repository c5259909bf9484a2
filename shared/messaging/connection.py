"""From settings to the connection options of aiokafka."""

import ssl
from typing import Any

from shared.errors import ConfigurationError
from shared.settings import KafkaSettings


def connection_options(settings: KafkaSettings) -> dict[str, Any]:
    """Keyword arguments that every aiokafka client of ours connects with.

    Raises:
        ConfigurationError: SASL is asked for without a user name or password.
    """
    options: dict[str, Any] = {
        "bootstrap_servers": settings.bootstrap_servers,
        "security_protocol": settings.security_protocol,
    }
    if settings.security_protocol.startswith("SASL"):
        if settings.sasl_username is None or settings.sasl_password is None:
            raise ConfigurationError("Set LAKSA_KAFKA_SASL_USERNAME and LAKSA_KAFKA_SASL_PASSWORD, or use PLAINTEXT")
        options |= {
            "sasl_mechanism": settings.sasl_mechanism,
            "sasl_plain_username": settings.sasl_username,
            "sasl_plain_password": settings.sasl_password.get_secret_value(),
        }
    if settings.security_protocol.endswith("SSL"):
        options["ssl_context"] = ssl.create_default_context(cafile=settings.ssl_ca_file)
    return options
