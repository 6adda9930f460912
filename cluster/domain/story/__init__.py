"""Stories: what is asked of a scene, what it shows, what is remembered, and how its job ends."""
