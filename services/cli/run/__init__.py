"""`laksa run`: the supervisor, its child processes, the embedded Apache Kafka and PostgreSQL."""
