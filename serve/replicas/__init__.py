"""Replicas: plain classes that Serve multiplies, which paint, judge, repair, read and write prompts."""
