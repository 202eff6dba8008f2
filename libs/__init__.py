"""What the five services share: the log runtime, the service kit, the rules."""
