"""What tests of services stand on: a running office, and an issuer of tokens."""
