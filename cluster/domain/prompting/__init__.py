"""Prompting: from a plan and what is known to a prompt that keeps a character's locked traits."""
