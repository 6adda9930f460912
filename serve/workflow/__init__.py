"""The workflow of one job: the Director's steps, what makes them durable, and the job queue."""
