"""What the shipped models are worth: figures, sheets, and the model card."""
