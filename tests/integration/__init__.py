"""Flows across the five services as processes, on real Kafka and PostgreSQL."""
