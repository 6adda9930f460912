"""The service: the HTTP API, the workflow of a scene, the replicas behind it, the command line."""
