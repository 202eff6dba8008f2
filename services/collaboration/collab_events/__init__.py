"""Events that several departments must know of, and the to-dos they lead to."""
