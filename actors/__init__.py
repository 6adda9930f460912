"""Ray actors, one of each in a cluster: memory, the adapter registry and the learner."""
