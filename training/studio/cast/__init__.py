"""The cast that ships with the project: Kairo, Mira, and their files."""
