"""The deals themselves, fact by fact, and the funnel report over them."""
