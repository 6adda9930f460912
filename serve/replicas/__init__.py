"""Replicas: plain classes that Serve multiplies; they paint, judge, repair, read, write prompts."""
