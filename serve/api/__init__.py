"""The HTTP API: routes, schemas, problems, keys, limits and event streams over the services."""
