"""A base model's folder, as far as the registry reads one: layers, and no model behind them."""

from pathlib import Path

import numpy as np
from safetensors.numpy import save

from cluster.providers.diffusers.folder import BaseFolder


def tiny_base(folder: Path) -> BaseFolder:
    """Written, unless it is there already; folders of other names have other weights."""
    if not folder.exists():
        (folder / "unet").mkdir(parents=True)
        (folder / "model_index.json").write_text("{}")
        noise = np.random.default_rng(list(folder.name.encode()))
        layers = {
            f"mid.attn1.{name}.weight": noise.normal(size=(16, 16)).astype(np.float32)
            for name in ("to_q", "to_k", "to_v", "to_out.0")
        }
        (folder / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(save(layers))
    return BaseFolder(folder)
