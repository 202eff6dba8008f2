"""The log inside a service: append, relay, ingest, projections, deadlines, reactions and effects."""
