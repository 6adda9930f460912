"""More transformer families with random weights: those that training knows and serving's tests do
not need a second time."""

from collections.abc import Callable

import diffusers
import transformers
from diffusers import DiffusionPipeline

from tests.tiny_pipelines import EOS, alphabet, clip_text, clip_tokenizer, t5, transformer_vae


def sd3() -> DiffusionPipeline:
    first, second, (third, _) = clip_tokenizer(), clip_tokenizer(), t5()
    with_projection = transformers.CLIPTextModelWithProjection
    transformer = diffusers.SD3Transformer2DModel(
        sample_size=32,
        patch_size=1,
        in_channels=4,
        out_channels=4,
        num_layers=2,
        attention_head_dim=8,
        num_attention_heads=4,
        caption_projection_dim=32,
        joint_attention_dim=64,
        pooled_projection_dim=64,
    )
    wide = transformers.T5EncoderModel(  # as wide as both CLIP encoders side by side
        transformers.T5Config(
            vocab_size=len(third),
            d_model=64,
            d_kv=8,
            d_ff=64,
            num_layers=2,
            num_heads=4,
            pad_token_id=0,
            eos_token_id=1,
        )
    )
    return diffusers.StableDiffusion3Pipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=transformer_vae(4),
        text_encoder=clip_text(first, with_projection),
        tokenizer=first,
        text_encoder_2=clip_text(second, with_projection),
        tokenizer_2=second,
        text_encoder_3=wide,
        tokenizer_3=third,
        transformer=transformer,
    )


def qwen() -> DiffusionPipeline:
    vocab = {letter: i for i, letter in enumerate([*alphabet(), EOS])}
    tokenizer = transformers.Qwen2Tokenizer(vocab=vocab, merges=[], model_max_length=256)
    marks = ["im_start", "im_end", "vision_start", "vision_end", "image_pad", "video_pad"]
    tokenizer.add_special_tokens({"additional_special_tokens": [f"<|{mark}|>" for mark in marks]})
    words = {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "vocab_size": len(tokenizer),
        "rope_scaling": {"mrope_section": [1, 1, 2], "rope_type": "default", "type": "default"},
        "rope_theta": 1_000_000.0,
        "max_position_embeddings": 512,
    }
    sight = {
        "depth": 2,
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_heads": 2,
        "out_hidden_size": 16,
    }
    reader = transformers.Qwen2_5_VLForConditionalGeneration(
        transformers.Qwen2_5_VLConfig(
            text_config=words, vision_config=sight, hidden_size=16, vocab_size=len(tokenizer)
        )
    )
    transformer = diffusers.QwenImageTransformer2DModel(
        patch_size=2,
        in_channels=16,
        out_channels=4,
        num_layers=2,
        attention_head_dim=16,
        num_attention_heads=3,
        joint_attention_dim=16,
        axes_dims_rope=(8, 4, 4),
    )
    vae = diffusers.AutoencoderKLQwenImage(
        base_dim=24,
        z_dim=4,
        dim_mult=[1, 2, 4],
        num_res_blocks=1,
        temperal_downsample=[False, True],
        latents_mean=[0.1] * 4,
        latents_std=[0.9] * 4,
    )
    return diffusers.QwenImagePipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
        vae=vae,
        text_encoder=reader,
        tokenizer=tokenizer,
        transformer=transformer,
    )


FAMILIES: dict[str, Callable[[], DiffusionPipeline]] = {"sd3": sd3, "qwen": qwen}
