"""code/costs.py against numbers known beforehand, and the counts of the chapter over other sizes than its own."""

import time

import matplotlib.pyplot as plt
import pytest
import torch
import torch.nn.functional as F

from attention import MultiHeadAttention, attention, causal_mask
from costs import log_plot, multiplications, peak_bytes, seconds, shared_heads, slope

pytestmark = pytest.mark.depends("code")


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_peak_bytes_counts_what_is_held_at_once_and_forgets_what_was_freed():
    def two_at_once():
        a = torch.zeros(1000)
        b = torch.zeros(3000)
        del a
        return b[:1] + 1

    assert peak_bytes(lambda: torch.zeros(1000)) == 4000
    assert 16000 <= peak_bytes(two_at_once) <= 16100
    assert peak_bytes(lambda: [torch.zeros(1000).sum() for _ in range(5)]) <= 4100


def test_peak_bytes_leaves_inputs_out_and_says_nothing(capfd):
    x = torch.zeros(1000)
    assert 4000 <= peak_bytes(lambda x: x + 1, x) <= 4100
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("tokens", [100, 300, 700])
def test_the_formula_as_written_holds_two_square_matrices_and_the_fused_kernel_none(tokens):
    qkv = torch.randn(3, 1, 2, tokens, 32)
    assert peak_bytes(attention, *qkv) == 4 * 2 * (2 * tokens**2 + tokens * 32)
    long = [peak_bytes(F.scaled_dot_product_attention, *torch.randn(3, 1, 1, n, 32)) for n in (2000, 4000)]
    assert long[1] < 2 * long[0]


@pytest.mark.parametrize(("tokens", "d", "num_heads"), [(7, 12, 3), (50, 24, 1), (33, 64, 8)])
def test_multiplications_of_the_module_are_those_counted_by_hand(tokens, d, num_heads):
    layer, x = MultiHeadAttention(d, d, tokens, 0.0, num_heads), torch.zeros(2, tokens, d)
    by_hand = 2 * (4 * tokens * d**2 + 2 * tokens**2 * d)
    assert multiplications(lambda: layer(x, need_weights=True)) == by_hand


def test_multiplications_counts_without_computing():
    a, b = torch.empty(10**5, 10**5, device="meta"), torch.empty(10**5, 10, device="meta")
    assert multiplications(torch.matmul, a, b) == 10**11


def test_seconds_is_the_shortest_run():
    naps = iter([0.03, 0.05, 0.01, 0.05, 0.05, 0.05])
    assert 0.01 <= seconds(lambda: time.sleep(next(naps)), repeats=3) < 0.05


def test_slope_finds_the_power():
    sizes = [10, 20, 50, 100]
    assert slope(sizes, [3 * n**2 for n in sizes]) == pytest.approx(2)
    assert slope(sizes, [5 / n for n in sizes]) == pytest.approx(-1)
    assert slope([1, 2, 4], [1, 2, 16]) == pytest.approx(2)


@pytest.mark.parametrize(
    ("sizes", "costs", "words"),
    [([1, 2], [1], "2 and 1"), ([5], [5], "two sizes"), ([5, 5], [1, 2], "two sizes"), ([1, 2], [0, 1], "above 0")],
)
def test_slope_says_what_is_wrong(sizes, costs, words):
    with pytest.raises(ValueError, match=words):
        slope(sizes, costs)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_kept_keys_and_values_give_the_same_contexts(seed):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(20, 16, generator=generator, dtype=torch.float64)
    W = torch.randn(3, 16, 16, generator=generator, dtype=torch.float64)
    query, key, value = x @ W
    whole, _ = attention(query, key, value, mask=causal_mask(20))
    one_by_one = [attention(query[t : t + 1], key[: t + 1], value[: t + 1])[0] for t in range(20)]
    torch.testing.assert_close(torch.cat(one_by_one), whole, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kv_heads", [1, 2, 3, 6])
def test_attention_serves_shared_key_heads_unchanged(kv_heads):
    query = torch.randn(6, 9, 8, dtype=torch.float64)
    key, value = torch.randn(2, kv_heads, 9, 8, dtype=torch.float64)
    grouped = query.unflatten(0, (kv_heads, 6 // kv_heads))
    context, _ = attention(grouped, key[:, None], value[:, None])
    torchs = F.scaled_dot_product_attention(query[None], key[None], value[None], enable_gqa=True)[0]
    torch.testing.assert_close(context.flatten(0, 1), torchs, rtol=0, atol=1e-12)


def test_log_plot_names_curves_and_decades():
    figure, ax = plt.subplots()
    log_plot(ax, [1, 10], {"a": [1e3, 1e5], "b": [2e3, 3e3]}, colours="rg", limits=(1e3, 1e6), unit="B", at=10)
    assert {text.get_text() for text in ax.texts} == {"a", "b"}
    assert [label.get_text() for label in ax.get_yticklabels()] == ["1 kB", "10 kB", "100 kB", "1 MB"]
    assert [line.get_xdata()[0] for line in ax.lines if len(line.get_xdata()) == 1] == [10, 10]
    log_plot(ax, [512, 2048], {"a": [1, 1]}, colours="r", limits=(1e-5, 20), unit="s")
    assert [label.get_text() for label in ax.get_xticklabels()] == ["512", "2k"]
    assert [label.get_text() for label in ax.get_yticklabels()][::2] == ["10 µs", "1 ms", "100 ms", "10 s"]
    plt.close(figure)


@pytest.mark.parametrize(("kv_heads", "asked"), [(8, [0, 1, 2, 3, 4, 5, 6, 7]), (2, [0] * 4 + [1] * 4), (1, [0] * 8)])
def test_shared_heads_connects_each_query_head_to_its_key_head(kv_heads, asked):
    figure, ax = plt.subplots()
    shared_heads(ax, 8, kv_heads, ("Q", "K"))
    ends = [line.get_xdata()[1] for line in ax.lines]
    assert ends == [(i + 0.5) / kv_heads for i in asked]
    plt.close(figure)
