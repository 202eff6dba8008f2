"""Gates: what a stage visit still needs, and how its requirements are fulfilled."""
