"""Tests of the machine room, on real processes and servers."""
