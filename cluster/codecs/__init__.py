"""Codecs: bytes to values and back (pictures, tensors, adapter files), each with all its checks."""
