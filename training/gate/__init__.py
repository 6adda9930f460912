"""The gate: challenger against champion, and the verdict on a new adapter."""
