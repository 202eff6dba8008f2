"""Benchmarks: every figure against a raw baseline that is measured in the same run, on the same data."""
