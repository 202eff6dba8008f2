"""Pipeline definitions: the stages of a deal, the moves between them, and the action package of each gate."""
