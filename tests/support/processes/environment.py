"""Settings as an operator exports them."""

from shared.settings import KafkaSettings


def kafka_at(port: int) -> KafkaSettings:
    """How to reach whatever listens, or does not listen, at a port of this machine."""
    return KafkaSettings(bootstrap_servers=f"127.0.0.1:{port}")


def variables_of(kafka: KafkaSettings) -> dict[str, str]:
    """The environment variables that say how to reach this Kafka, as this user."""
    variables = {
        "LAKSA_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "LAKSA_KAFKA_SECURITY_PROTOCOL": kafka.security_protocol,
        "LAKSA_KAFKA_REPLICATION_FACTOR": str(kafka.replication_factor),
        "LAKSA_KAFKA_MIN_INSYNC_REPLICAS": str(kafka.min_insync_replicas),
    }
    if kafka.sasl_username is not None and kafka.sasl_password is not None:
        variables |= {
            "LAKSA_KAFKA_SASL_MECHANISM": kafka.sasl_mechanism,
            "LAKSA_KAFKA_SASL_USERNAME": kafka.sasl_username,
            "LAKSA_KAFKA_SASL_PASSWORD": kafka.sasl_password.get_secret_value(),
        }
    return variables
