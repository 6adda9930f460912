"""LoRA training: one run on one to N workers, from its order to the adapter's file."""
