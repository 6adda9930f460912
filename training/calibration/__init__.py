"""Calibration: the curve from the cosine of two faces to the identity score."""
