"""Process health of a person and month: dwell deviation, action completion, jumps, and the score of them."""
