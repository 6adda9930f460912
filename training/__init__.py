"""Training: data sets, LoRA fitting, the gate, calibration, and the studio's own models."""
