"""The tagger: a small network that reads attributes from a picture of one person."""
