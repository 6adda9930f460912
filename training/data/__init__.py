"""Training sets: what joins, what is left out and why, and what each picture is called."""
