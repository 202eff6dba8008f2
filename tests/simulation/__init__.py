"""Relay, ingest and leases in a model with virtual time: thousands of seeds a minute, each a life full of accidents."""
