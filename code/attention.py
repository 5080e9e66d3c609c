"""Scaled dot-product attention and multi-head self-attention, small enough to read in one sitting.

Rows are tokens. Shapes are written (..., tokens, width); "..." is any number of leading dimensions.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F


def attention(query, key, value, *, mask=None, scale=None):
    """softmax(query @ keyᵀ · scale) @ value: every query takes a weighted mean of the values.

    Shapes: query (..., queries, d_k), key (..., keys, d_k), value (..., keys, d_v); the leading
        dimensions broadcast. mask: boolean, broadcastable to (..., queries, keys), True = may attend.
        scale: a number; None is 1/√d_k.
    Returns: context (..., queries, d_v), attn_weights (..., queries, keys); each row of weights sums to 1.
    Errors: ValueError for sizes that do not fit, inputs that are not floating point, and a mask row
        that allows no key.
    Source: Vaswani et al. 2017, "Attention Is All You Need", eq. (1).
    """
    _check_inputs(query, key, value)
    if mask is not None:
        _check_mask(mask, query, key)
    if scale is None:
        scale = query.shape[-1] ** -0.5
    attn_scores = (query * scale) @ key.transpose(-2, -1)  # scaling the query is cheaper than scaling all scores
    if mask is not None:
        attn_scores += torch.zeros_like(mask, dtype=query.dtype).masked_fill_(~mask, -torch.inf)  # faster than filling
    attn_weights = torch.softmax(attn_scores, dim=-1)
    return attn_weights @ value, attn_weights


def causal_mask(num_tokens):
    """True on and below the diagonal: token i may attend to tokens 0 … i. Shape (num_tokens, num_tokens)."""
    return torch.ones(num_tokens, num_tokens, dtype=torch.bool).tril()


class MultiHeadAttention(nn.Module):
    """Causal self-attention in `num_heads` heads of width `head_dim = d_out // num_heads`.

    Shapes: x (batch, tokens, d_in) -> context (batch, tokens, d_out); with `need_weights=True` also
        attn_weights (batch, heads, tokens, tokens), as the softmax gives them, before dropout.
    Errors: ValueError for sizes that do not fit, dropout outside [0, 1), more tokens than
        `context_length`.
    Source: parameter names and buffer follow S. Raschka, "Build a Large Language Model (From
        Scratch)", chapter 3 (Apache-2.0), so its `state_dict` loads here with `strict=True`.
    """

    def __init__(self, d_in, d_out, context_length, dropout, num_heads, qkv_bias=False):
        super().__init__()
        sizes = {"d_in": d_in, "d_out": d_out, "context_length": context_length, "num_heads": num_heads}
        for name, size in sizes.items():
            if not isinstance(size, int) or size < 1:
                raise ValueError(f"{name} = {size!r} must be a whole number of at least 1.")
        if d_out % num_heads:
            raise ValueError(
                f"d_out = {d_out} cannot be split into num_heads = {num_heads} equal heads: "
                f"{d_out} / {num_heads} leaves {d_out % num_heads} over. Choose d_out as a multiple of num_heads."
            )
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout = {dropout} must be a probability in [0, 1).")
        self.d_out, self.num_heads, self.head_dim = d_out, num_heads, d_out // num_heads
        self.W_query = nn.Linear(d_in, d_out, bias=qkv_bias)
        self.W_key = nn.Linear(d_in, d_out, bias=qkv_bias)
        self.W_value = nn.Linear(d_in, d_out, bias=qkv_bias)
        self.out_proj = nn.Linear(d_out, d_out)
        self.dropout = nn.Dropout(dropout)
        # The other way round than `causal_mask`: 1 marks what is hidden, as in the checkpoints this loads.
        self.register_buffer("mask", torch.ones(context_length, context_length).triu(diagonal=1))

    def forward(self, x, need_weights=False):
        """x (batch, tokens, d_in) -> context (batch, tokens, d_out), and the weights if asked for."""
        self._check_x(x)
        # (batch, tokens, d_out) -> (batch, heads, tokens, head_dim)
        query, key, value = (
            projection(x).unflatten(-1, (self.num_heads, self.head_dim)).transpose(1, 2)
            for projection in (self.W_query, self.W_key, self.W_value)
        )
        if need_weights:
            visible = self.mask[: x.shape[1], : x.shape[1]] == 0
            context, attn_weights = attention(query, key, value, mask=visible)
            if self.training and self.dropout.p > 0:
                context = self.dropout(attn_weights) @ value
        else:
            # The fused kernel never stores the tokens × tokens matrix: memory grows with the tokens, not their square.
            dropout_p = self.dropout.p if self.training else 0.0
            context = F.scaled_dot_product_attention(query, key, value, dropout_p=dropout_p, is_causal=True)
        # (batch, heads, tokens, head_dim) -> (batch, tokens, d_out), heads side by side
        context = self.out_proj(context.transpose(1, 2).flatten(-2))
        return (context, attn_weights) if need_weights else context

    def _check_x(self, x):
        d_in, context_length = self.W_query.in_features, self.mask.shape[0]
        if x.dim() != 3:
            raise ValueError(
                f"x must be (batch, tokens, d_in = {d_in}); it has {x.dim()} dimensions: {tuple(x.shape)}."
            )
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


def _check_inputs(query, key, value):
    for name, tensor in {"query": query, "key": key, "value": value}.items():
        if tensor.dim() < 2:
            raise ValueError(f"{name} must be (..., tokens, width); it has shape {tuple(tensor.shape)}.")
        _check_floating(name, tensor)
    d_k, d_k_of_key, keys, values = query.shape[-1], key.shape[-1], key.shape[-2], value.shape[-2]
    if d_k != d_k_of_key or d_k == 0:
        raise ValueError(f"query has width d_k = {d_k}, key has {d_k_of_key}; they must be equal and at least 1.")
    if keys != values or keys == 0:
        raise ValueError(f"key has {keys} tokens, value has {values}; they must be equal and at least 1.")
    try:
        torch.broadcast_shapes(query.shape[:-2], key.shape[:-2], value.shape[:-2])
    except RuntimeError:
        shapes = ", ".join(str(tuple(t.shape[:-2])) for t in (query, key, value))
        raise ValueError(f"the leading dimensions of query, key, value are {shapes}; they must broadcast.") from None


def _check_floating(name, tensor):
    if not tensor.is_floating_point():
        raise ValueError(
            f"{name} has dtype {tensor.dtype}; attention needs a floating dtype. Convert with {name}.float()."
        )


def _check_mask(mask, query, key):
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
    if not mask.any(dim=-1).all():
        raise ValueError(
            "mask has a row that allows no key: its softmax is undefined. Allow every query at least one key."
        )
