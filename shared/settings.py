"""Settings that every service has, from ``LAKSA_*`` environment variables."""

from datetime import timedelta
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

SaslMechanism = Literal["SCRAM-SHA-512", "PLAIN"]
SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]

COPIES_OF_A_CLUSTER = 3  # with fewer replicas, min.insync.replicas=2 would stop all writes when one node is down


class KafkaSettings(BaseSettings):
    """The connection to Kafka; everything a client needs, so that code never depends on the kind of broker."""

    model_config = SettingsConfigDict(env_prefix="LAKSA_KAFKA_", extra="ignore")

    bootstrap_servers: str = Field(description="Comma-separated host:port of the brokers")
    security_protocol: SecurityProtocol = Field(default="PLAINTEXT", description="How the connection is protected")
    sasl_mechanism: SaslMechanism = Field(
        default="SCRAM-SHA-512", description="How a SASL user proves who it is; PLAIN only for `laksa topics`"
    )
    sasl_username: str | None = Field(default=None, description="SASL user name")
    sasl_password: SecretStr | None = Field(default=None, description="SASL password")
    ssl_ca_file: str | None = Field(default=None, description="PEM file of the authority that signed the brokers")
    replication_factor: int = Field(default=1, ge=1, description="Copies of each partition that topics must have")
    min_insync_replicas: int = Field(default=1, ge=1, description="Copies that must have a record before it counts")

    @model_validator(mode="after")
    def _copies_that_make_sense(self) -> Self:
        copies, needed = self.replication_factor, self.min_insync_replicas
        if needed > copies:
            raise ValueError(f"LAKSA_KAFKA_MIN_INSYNC_REPLICAS={needed} of {copies} copies: no record would ever count")
        if needed == 1 and copies >= COPIES_OF_A_CLUSTER:
            raise ValueError(
                f"LAKSA_KAFKA_MIN_INSYNC_REPLICAS=1 of {copies} copies: a record would count that one node alone has, "
                f"and be lost with it. Set {copies - 1}"
            )
        return self


class ServiceSettings(BaseSettings):
    """Settings of every service; each service's own class extends it."""

    model_config = SettingsConfigDict(env_prefix="LAKSA_", extra="ignore")

    kafka: KafkaSettings = Field(default_factory=KafkaSettings, description="See LAKSA_KAFKA_*")
    instance: str = Field(default="0", description="Distinguishes replicas; part of Kafka's group.instance.id")
    http_host: str = Field(default="127.0.0.1", description="Address the HTTP server binds to")
    http_port: int = Field(default=0, ge=0, le=65535, description="Port of the HTTP server; 0 takes a free one")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(default="INFO", description="Least severe line")
    publish_deadline: timedelta = Field(
        default=timedelta(seconds=20), description="How long a publish may wait for all in-sync replicas, in seconds"
    )
    graceful_timeout: timedelta = Field(
        default=timedelta(seconds=10), description="How long a stop waits for work in hand, in seconds"
    )
