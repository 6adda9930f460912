"""Base models behind the diffusers library: loading, adapters, references and one call of them."""
