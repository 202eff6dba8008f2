"""What tests of facts, decisions and projections stand on."""
