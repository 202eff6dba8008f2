"""Who works which lead: people, leads, pools, routing."""
