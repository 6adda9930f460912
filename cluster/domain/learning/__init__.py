"""Learning: golden images, training runs, adapter versions and the verdicts on them."""
