"""The studio: how the embedded model, the tagger and the people they learn from are made."""
