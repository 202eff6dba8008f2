"""To-dos: work that found its person."""
