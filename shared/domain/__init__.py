"""The rules and data of the domain. Pure: no Kafka, SQL, HTTP or metrics."""
