"""What tests of facts, decisions and projections stand on."""

from libs.events.testing.decisions import given
from libs.events.testing.folding import fold_all, recorded

__all__ = ["fold_all", "given", "recorded"]
