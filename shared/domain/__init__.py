"""What the city means by a report: pure rules and data. No Kafka, no SQL, no HTTP, no metrics."""
