"""Scaled dot-product attention and multi-head self-attention, small enough to read in one sitting.

Rows are tokens. Shapes are written (..., tokens, width); "..." is any number of leading dimensions.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F

import attention_inputs as inputs


def attention(query, key, value, *, mask=None, scale=None, dropout_p=0.0):
    """softmax(query @ keyᵀ · scale) @ value: every query takes a weighted mean of the values.

    Shapes: query (..., queries, d_k), key (..., keys, d_k), value (..., keys, d_v); the leading
        dimensions broadcast. mask: boolean, broadcastable to (..., queries, keys), True = may attend.
        scale: a finite number, or a tensor without dimensions, such as a temperature that is learned;
        None is 1/√d_k. dropout_p: the share of weights dropped before they meet the values.
    Returns: context (..., queries, d_v), attn_weights (..., queries, keys), before dropout; each row sums to 1.
    Errors: ValueError for sizes that do not fit, inputs that are not tensors of one floating dtype, and a mask
        row that allows no key (not looked for while torch traces: compile, export, vmap).
    Source: Vaswani et al. 2017, "Attention Is All You Need", eq. (1).
    """
    inputs.check_attention(query, key, value, mask, scale, dropout_p)
    if torch.finfo(query.dtype).bits < 32:
        return _in_float32(query, key, value, mask=mask, scale=scale, dropout_p=dropout_p)
    if scale is None:
        scale = query.shape[-1] ** -0.5
    attn_scores = (query * scale) @ key.transpose(-2, -1)  # scaling the query is cheaper than scaling all scores
    if mask is not None:
        # −∞ replaces a hidden score, as adding it could not hide +∞ or NaN: one hidden key would spoil the row.
        attn_scores = _masked_fill(attn_scores, ~mask, -torch.inf)
    attn_weights = torch.softmax(attn_scores, dim=-1)
    kept = F.dropout(attn_weights, dropout_p) if dropout_p else attn_weights
    return kept @ value, attn_weights


def causal_mask(num_tokens, device=None):
    """True on and below the diagonal: token i may attend to tokens 0 … i. Shape (num_tokens, num_tokens)."""
    num_tokens = inputs.whole_number("num_tokens", num_tokens)
    return torch.ones(num_tokens, num_tokens, dtype=torch.bool, device=device).tril()


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
        d_in, d_out, context_length, num_heads = inputs.check_sizes(d_in, d_out, context_length, num_heads)
        self.d_out, self.num_heads, self.head_dim = d_out, num_heads, d_out // num_heads
        self.W_query = nn.Linear(d_in, d_out, bias=qkv_bias)
        self.W_key = nn.Linear(d_in, d_out, bias=qkv_bias)
        self.W_value = nn.Linear(d_in, d_out, bias=qkv_bias)
        self.out_proj = nn.Linear(d_out, d_out)
        self.dropout = nn.Dropout(inputs.probability("dropout", dropout))
        # Here because the checkpoints hold it. Nothing reads its numbers, so what they mean there (1 = hidden, or
        # 1 = visible) changes nothing: this module is causal, with weights and without.
        self.register_buffer("mask", torch.ones(context_length, context_length).triu(diagonal=1))

    def forward(self, x, need_weights=False):
        """x (batch, tokens, d_in) -> context (batch, tokens, d_out), and the weights if asked for."""
        inputs.check_x(x, self.W_query, context_length=len(self.mask))
        # (batch, tokens, d_out) -> (batch, heads, tokens, head_dim)
        query, key, value = (
            projection(x).unflatten(-1, (self.num_heads, self.head_dim)).transpose(1, 2)
            for projection in (self.W_query, self.W_key, self.W_value)
        )
        dropout_p = self.dropout.p if self.dropout.training else 0.0
        if need_weights:
            mask = causal_mask(x.shape[1], x.device)
            context, attn_weights = attention(query, key, value, mask=mask, dropout_p=dropout_p)
        else:
            # The fused kernel never stores the tokens × tokens matrix: memory grows with the tokens, not their square.
            context = F.scaled_dot_product_attention(query, key, value, dropout_p=dropout_p, is_causal=True)
        # (batch, heads, tokens, head_dim) -> (batch, tokens, d_out), heads side by side
        context = self.out_proj(context.transpose(1, 2).flatten(-2))
        return (context, attn_weights) if need_weights else context


def _masked_fill(scores, hidden, number):
    """`scores.masked_fill(hidden, number)`, in place if it may: a copy of the scores takes a fifth of the time."""
    if not inputs.may_write(scores, hidden):
        return scores.masked_fill(hidden, number)
    own = scores.detach()  # autograd need not know: the weight is 0, and so is the gradient
    torch.where(hidden, own.new_tensor(number), own, out=own)
    return scores


def _in_float32(query, key, value, **options):
    """Half precision is too coarse for scores: 1 part in 256 of a score of 9 is 4 % of its weight."""
    with torch.autocast("cpu" if query.is_meta else query.device.type, enabled=False):
        context, attn_weights = attention(query.float(), key.float(), value.float(), **options)
    return context.to(query.dtype), attn_weights.to(query.dtype)
