"""What a deployment needs once: secrets, certificates, topics, users and access rules of a Kafka cluster."""
