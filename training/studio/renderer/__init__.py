"""The renderer: an actor and a shot to a picture, with its truth."""
