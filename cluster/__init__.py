"""The ground floor, on which training, actors and serve stand: the domain, its ports, the models
and the store; it knows nothing of the floors above."""
