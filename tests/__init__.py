"""What concerns all five services: interleavings, flows, faults, imports."""
