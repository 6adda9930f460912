"""What the request reader ships with is made here; nothing of it runs in the service."""
