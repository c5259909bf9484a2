"""Kafka for tests: real brokers, a cluster, and a producer that keeps records in memory."""
