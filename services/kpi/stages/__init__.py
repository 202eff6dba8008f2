"""Every visit of a deal to a stage, in three clocks, with what its gate asked and refused."""
