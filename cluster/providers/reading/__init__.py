"""Readers of requests: text -> typed changes."""
