"""One coherent story told in facts of every type; kept as example payloads that must parse for ever."""
