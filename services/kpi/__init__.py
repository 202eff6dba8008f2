"""What the facts add up to: stage history, process health, funnel, lineage."""
