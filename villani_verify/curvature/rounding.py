"""Where matrix products of rounded factors are much faster than exact ones."""

from __future__ import annotations

import torch

from villani_verify.landscape import Landscape

# With fewer parameters the matrices are so small that products are not what takes the time.
_MANY_PARAMETERS = 5_000_000


def fast_product_dtype(landscape: Landscape) -> torch.dtype | None:
    """Return bfloat16 where its products pay for float32 landscapes: with many parameters, and instructions of its own."""
    if landscape.dtype != torch.float32 or landscape.dimension <= _MANY_PARAMETERS or not _multiplies_bfloat16(landscape.device):
        return None
    return torch.bfloat16


def _multiplies_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        # With TF32 products everywhere samples take less than with bfloat16 in the large ones.
        if torch.get_float32_matmul_precision() != "highest":
            return False
        return torch.cuda.is_bf16_supported(including_emulation=False)
    # Before torch 2.10 there is no such list.
    known = getattr(torch.cpu, "get_capabilities", dict)
    capabilities: dict[str, bool] = known() if device.type == "cpu" else {}
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
