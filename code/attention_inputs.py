"""What `attention.py` can be given, and what it says to everything else: always a ValueError that names the argument.

All checks but two look at types and shapes alone. Those two need numbers, and rest while torch only traces.
"""

import operator
from fractions import Fraction
from numbers import Real

import torch


def check_attention(query, key, value, mask, scale, dropout_p):
    """The arguments of `attention`, in its order."""
    tensors = {"query": query, "key": key, "value": value}
    for name, tensor in tensors.items():
        _check_tensor(name, tensor)
        if tensor.dim() < 2:
            raise ValueError(f"{name} must be (..., tokens, width); it has shape {tuple(tensor.shape)}.")
        _check_floating(name, tensor)
    if not query.dtype == key.dtype == value.dtype:
        raise ValueError(
            f"query, key and value have dtypes {query.dtype}, {key.dtype}, {value.dtype}; they must be equal. "
            "Convert one like the other: key.to(query.dtype)."
        )
    d_k, d_k_of_key, keys, values = query.shape[-1], key.shape[-1], key.shape[-2], value.shape[-2]
    if d_k != d_k_of_key or d_k == 0:
        raise ValueError(f"query has width d_k = {d_k}, key has {d_k_of_key}; they must be equal and at least 1.")
    if keys != values or keys == 0:
        raise ValueError(f"key has {keys} tokens, value has {values}; they must be equal and at least 1.")
    try:
        torch.broadcast_shapes(query.shape[:-2], key.shape[:-2], value.shape[:-2])
    except RuntimeError:
        shapes = ", ".join(str(tuple(tensor.shape[:-2])) for tensor in tensors.values())
        raise ValueError(f"the leading dimensions of query, key, value are {shapes}; they must broadcast.") from None
    if mask is not None:
        _check_mask(mask, query, key)
    if scale is not None:
        _check_scale(scale)
    probability("dropout_p", dropout_p)


def check_x(x, projection, context_length):
    """The input of `MultiHeadAttention`, which goes through `projection` first."""
    d_in, dtype = projection.in_features, projection.weight.dtype
    _check_tensor("x", x)
    if x.dim() != 3:
        raise ValueError(f"x must be (batch, tokens, d_in = {d_in}); it has {x.dim()} dimensions: {tuple(x.shape)}.")
    if x.shape[-1] != d_in:
        raise ValueError(
            f"x {tuple(x.shape)}: the last dimension is {x.shape[-1]}, d_in is {d_in}; they must be equal."
        )
    if not 1 <= x.shape[1] <= context_length:
        raise ValueError(
            f"x has {x.shape[1]} tokens, context_length = {context_length} allows 1 to {context_length}. "
            "Shorten x or build the module with a larger context_length."
        )
    _check_floating("x", x)
    if x.dtype != dtype and not torch.is_autocast_enabled(x.device.type):
        raise ValueError(
            f"x has dtype {x.dtype}, the weights have {dtype}; they must be equal. Convert with x.to({dtype})."
        )


def check_sizes(d_in, d_out, context_length, num_heads):
    """The sizes of `MultiHeadAttention`, as ints and in this order."""
    sizes = {"d_in": d_in, "d_out": d_out, "context_length": context_length, "num_heads": num_heads}
    d_in, d_out, context_length, num_heads = (whole_number(name, size) for name, size in sizes.items())
    if d_out % num_heads:
        raise ValueError(
            f"d_out = {d_out} cannot be split into num_heads = {num_heads} equal heads: "
            f"{d_out} / {num_heads} leaves {d_out % num_heads} over. Choose d_out as a multiple of num_heads."
        )
    return d_in, d_out, context_length, num_heads


def whole_number(name, number):
    """`number` as an int; NumPy's whole numbers are some, True is none."""
    if torch.compiler.is_compiling():
        return number  # operator.index would fix a size that the trace leaves open
    number = number.tolist() if isinstance(number, torch.Tensor) else number
    try:
        size = 0 if isinstance(number, bool) else operator.index(number)
    except TypeError:
        size = 0
    if size < 1:
        raise ValueError(f"{name} = {number!r} must be a whole number of at least 1.")
    return size


def probability(name, number):
    """`number` as a float in [0, 1)."""
    if not _is_real(number) or not 0 <= number < 1:
        raise ValueError(f"{name} = {number!r} must be a probability in [0, 1).")
    return float(number)


def may_write(*tensors):
    """Whether a number may be written into them: not in a trace, nor in what vmap and the like have wrapped."""
    return not torch.compiler.is_compiling() and all(torch.func.debug_unwrap(t) is t for t in tensors)


def _is_real(number):
    return isinstance(number, Real) and not isinstance(number, bool | Fraction)  # torch multiplies by no fraction


def _check_tensor(name, value):
    if not isinstance(value, torch.Tensor):
        kind = value if value is None or isinstance(value, bool) else f"a {type(value).__name__}"
        raise ValueError(f"{name} is {kind}; it must be a torch.Tensor. torch.as_tensor makes one of lists and arrays.")


def _check_floating(name, tensor):
    if not tensor.is_floating_point():
        raise ValueError(
            f"{name} has dtype {tensor.dtype}; attention needs a floating dtype. Convert with {name}.float()."
        )


def _check_mask(mask, query, key):
    _check_tensor("mask", mask)
    if mask.dtype != torch.bool:
        raise ValueError(f"mask has dtype {mask.dtype}; it must be torch.bool, True = may attend.")
    lead = torch.broadcast_shapes(query.shape[:-2], key.shape[:-2])
    scores = (*lead, query.shape[-2], key.shape[-2])
    try:
        fits = torch.broadcast_shapes(mask.shape, scores) == scores
    except RuntimeError:
        fits = False
    if not fits:
        raise ValueError(f"mask {tuple(mask.shape)} does not broadcast to the scores (..., queries, keys) = {scores}.")
    if _is_false(lambda: mask.any(dim=-1).all()):
        raise ValueError(
            "mask has a row that allows no key: its softmax is undefined. Allow every query at least one key."
        )


def _check_scale(scale):
    if isinstance(scale, torch.Tensor):
        fits = scale.dim() == 0 and scale.is_floating_point() and not _is_false(scale.isfinite)
    else:
        fits = _is_real(scale) and abs(scale) < torch.inf
    if not fits:
        shape = tuple(getattr(scale, "shape", ()))
        raise ValueError(
            f"scale {f'has shape {shape}; it' if shape else f'= {scale!r}'} must be a finite number, or a floating "
            "tensor without dimensions: one for all scores. To scale them one by one, multiply the query."
        )


def _is_false(question):
    """Whether the answer is False. Where torch only traces (compile, export, vmap, meta) there is none yet."""
    if torch.compiler.is_compiling():
        return False
    try:
        return not question()
    except RuntimeError:
        return False
