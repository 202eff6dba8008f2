"""How an opportunity moves: stages, gates, evidence, outcome."""
