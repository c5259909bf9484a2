"""Kafka: what is read, when it counts as read, and how it is published."""
