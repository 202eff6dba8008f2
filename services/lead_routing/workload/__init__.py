"""What weighs on a rep."""
