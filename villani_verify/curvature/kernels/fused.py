"""The kernels that stand for several of PyTorch's passes over memory.

Each reads its tensors once. Every result has one order of summation, so that it is the same in every run.
"""

from villani_verify.curvature.kernels.inner_products import inner
from villani_verify.curvature.kernels.layer_norm import layer_norm
from villani_verify.curvature.kernels.patterned_rows import add_patterned
from villani_verify.curvature.kernels.softmax import softmax, spread

__all__ = ["add_patterned", "inner", "layer_norm", "softmax", "spread"]
