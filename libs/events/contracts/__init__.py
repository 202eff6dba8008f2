"""The facts of the five services: one module per owner, frozen models with literal wire names."""
