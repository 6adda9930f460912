"""The routes of the HTTP API, one module a resource."""

from . import adapters, characters, history, jobs, memory, scenes, service, training

ROUTERS = (
    scenes.router,
    jobs.router,
    characters.router,
    memory.router,
    history.router,  # before adapters, whose path parameters would take its paths
    adapters.router,
    training.router,
    service.router,
)
