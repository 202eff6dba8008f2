"""What the tests of this service share: tables filled from facts, and facts of a real export."""
