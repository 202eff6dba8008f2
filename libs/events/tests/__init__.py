"""The runtime on real PostgreSQL and real Kafka."""
