"""One-time setup of a deployment: secrets, certificates, topics, users and ACLs of a Kafka cluster."""
