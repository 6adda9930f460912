"""The domain: immutable values and pure functions over them, without I/O, Ray or a framework."""
