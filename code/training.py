"""The one training loop behind every experiment of the book: one model a seed, all of them trained at once.

from training import OneHead, train
from words import NUM_TOKENS, VOCABULARY, WHOLE_WORDS, whole_words

def make_model():
    return OneHead(len(VOCABULARY), len(WHOLE_WORDS), NUM_TOKENS)

run = train(make_model, whole_words, seeds=range(10), steps=800, snapshots=[0, 50, 100])
run.losses                                  # (steps, seeds)
run.at(100).grad_norms["W_query.weight"]    # (seeds,)
losses, accuracies = run.at(100).test(inputs, labels)           # (seeds,) each
logits, attn_weights = run.at(100)(inputs, need_weights=True)   # (seeds, batch, tokens, ...) each
model = run.at(100).model(seed=3)           # an ordinary nn.Module, one seed's own
"""

import copy
from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.func import functional_call, stack_module_state, vmap

from attention import attention, causal_mask
from page import progress_bar

THREADS = (
    1  # sums round in the same way only with the same number; and two threads wait for each other on a busy machine
)
CHUNK = 50  # steps whose examples are drawn in one go, so that a longer run begins like a shorter one


class OneHead(nn.Module):
    """The smallest model that can look: one head of self-attention between an embedding and a linear read-out.

    h = embedding + learned position; logits = Linear(LayerNorm(h + softmax(QKᵀ·scale)V)).
    scale: None is 1/√d_k. causal: a token sees only itself and what came before. tied: keys are queries, Wq = Wk.
    Shapes: inputs (batch, tokens), whole numbers -> logits (batch, tokens, num_classes), and with
        `need_weights=True` also attn_weights (batch, tokens, tokens).
    """

    def __init__(self, num_ids, num_classes, num_tokens, *, d_model=48, d_k=16, scale=None, causal=False, tied=False):
        super().__init__()
        self.scale, self.mask = scale, causal_mask(num_tokens) if causal else None
        self.embedding = nn.Embedding(num_ids, d_model)
        self.position = nn.Parameter(0.1 * torch.randn(num_tokens, d_model))
        self.W_query = nn.Linear(d_model, d_k, bias=False)
        self.W_key = None if tied else nn.Linear(d_model, d_k, bias=False)
        self.W_value = nn.Linear(d_model, d_model, bias=False)
        self.norm = nn.LayerNorm(d_model)
        self.read_out = nn.Linear(d_model, num_classes)

    def attend(self, h):
        """h (batch, tokens, d_model) -> context (batch, tokens, d_model), attn_weights. Variants override this."""
        query = self.W_query(h)
        key = query if self.W_key is None else self.W_key(h)
        return attention(query, key, self.W_value(h), mask=self.mask, scale=self.scale)

    def forward(self, inputs, need_weights=False):
        h = self.embedding(inputs) + self.position
        context, attn_weights = self.attend(h)
        logits = self.read_out(self.norm(h + context))
        return (logits, attn_weights) if need_weights else logits


def train(make_model, sample, *, seeds, steps, batch=32, lr=1e-2, snapshots=(), frozen=(), slower=(), watch=None):
    """Train `make_model()` on `sample` with Adam and cross-entropy, once for each of `seeds`, as one ensemble.

    make_model: builds a module whose forward gives logits (batch, ..., classes); called after torch.manual_seed(seed).
    sample: sample(count, generator) -> (inputs, labels), `count` fresh examples along the first dimension, labels
        whole numbers (count, ...); each seed has a generator of its own.
    snapshots: steps at which to keep a copy of the ensemble, besides the last; at step s it was updated s times.
    frozen: names of parameters that keep their initial values.
    slower: {name of a parameter: what its lr is multiplied by}.
    watch: a function from a Snapshot to HTML, which stands under the progress bar. Both are for Jupyter alone.
    Returns: a Run. Equal arguments give equal numbers; what other seeds there are changes a seed's only by rounding.
    Errors: ValueError for numbers out of range, repeated seeds, frozen names that the model lacks, buffers that
        differ between seeds, and samples whose sizes do not fit.
    """
    seeds, keep = list(seeds), {*snapshots, steps}
    _check_numbers(seeds, steps, batch, lr, keep)
    threads = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    try:
        models = _build(make_model, seeds)
        parameters = _stack(models, frozen)
        optimizer = torch.optim.Adam(_groups(parameters, lr, dict(slower)))
        taken, history, show = [], [], progress_bar(steps, watch)
        for step, (inputs, labels) in enumerate(_batches(sample, seeds, steps + 1, batch)):
            logits = _forward_each(models[0], parameters, inputs)
            losses = _cross_entropy(logits, labels)
            optimizer.zero_grad()
            losses.sum().backward()  # each loss depends on its own seed's parameters alone
            if step in keep:
                taken.append(_snapshot(step, seeds, parameters, losses, models[0]))
            show(step, losses, taken[-1] if step in keep else None)
            if step < steps:
                history.append(losses.detach())
                optimizer.step()
    finally:
        torch.set_num_threads(threads)
    return Run(seeds, torch.stack(history), taken)


@dataclass
class Snapshot:
    """The ensemble after `step` updates. Everything in it is a copy, with the seeds along the first dimension.

    loss: (seeds,), on the batch of this step. grad_norms: parameter name -> (seeds,), of the same batch's gradient;
    a frozen parameter has none.
    """

    step: int
    seeds: list
    parameters: dict
    loss: torch.Tensor
    grad_norms: dict
    template: nn.Module

    @torch.no_grad()
    def __call__(self, inputs, **options):
        """Every seed's answer to the same inputs: the model's outputs with the seeds in front."""
        return vmap(lambda p: functional_call(self.template, p, (inputs,), options))(self.parameters)

    def test(self, inputs, labels):
        """Loss and accuracy of every seed on the same examples: (seeds,), (seeds,)."""
        logits, labels = self(inputs), labels.expand(len(self.seeds), *labels.shape)
        return _cross_entropy(logits, labels), (logits.argmax(-1) == labels).float().flatten(1).mean(1)

    def model(self, seed):
        """The model of one seed, as a module of its own."""
        if seed not in self.seeds:
            raise ValueError(f"seed = {seed} was not trained; the seeds are {self.seeds}.")
        model = copy.deepcopy(self.template)
        own = {name: stacked[self.seeds.index(seed)] for name, stacked in self.parameters.items()}
        model.load_state_dict(own, strict=False)  # a parameter that two modules share goes by its first name alone
        return model


@dataclass
class Run:
    """A finished training: losses (steps, seeds), each before the update of its step, and the snapshots in order."""

    seeds: list
    losses: torch.Tensor
    snapshots: list

    def at(self, step):
        """The snapshot of a step. Errors: ValueError for a step at which none was taken."""
        for snapshot in self.snapshots:
            if snapshot.step == step:
                return snapshot
        raise ValueError(f"no snapshot at step {step}; there are some at {[s.step for s in self.snapshots]}.")


def _check_numbers(seeds, steps, batch, lr, keep):
    if not seeds or len(set(seeds)) < len(seeds) or not all(isinstance(seed, int) for seed in seeds):
        raise ValueError(f"seeds must be different whole numbers, at least one; got {seeds}.")
    for name, number in {"steps": steps, "batch": batch}.items():
        if not isinstance(number, int) or number < 1:
            raise ValueError(f"{name} = {number!r} must be a whole number of at least 1.")
    if not lr > 0:
        raise ValueError(f"lr = {lr} must be positive.")
    if outside := [step for step in keep if step not in range(steps + 1)]:
        raise ValueError(f"snapshots {outside} are outside 0 … steps = {steps}.")


def _build(make_model, seeds):
    models = []
    with torch.random.fork_rng(devices=[]):
        for seed in seeds:
            torch.manual_seed(seed)
            models.append(make_model())
    names = dict(models[0].named_modules())
    if twice := [n for n, _ in models[0].named_modules(remove_duplicate=False) if n not in names]:
        raise ValueError(
            f"{twice} are second names of modules; functional_call mixes these up. Give a module one name."
        )
    for name, buffer in models[0].named_buffers():
        if not all(torch.equal(buffer, dict(model.named_buffers())[name]) for model in models):
            raise ValueError(f"the buffer {name!r} differs between seeds; make it a parameter and name it in frozen.")
    return models


def _stack(models, frozen):
    parameters, _ = stack_module_state(models)
    if isinstance(frozen, str) or not set(frozen) <= set(parameters):
        raise ValueError(f"frozen = {frozen!r} must be a list of the model's parameters: {list(parameters)}.")
    if set(frozen) == set(parameters):
        raise ValueError("frozen names every parameter of the model: nothing is left to train.")
    for name in frozen:
        parameters[name].requires_grad_(False)
    return parameters


def _groups(parameters, lr, slower):
    if not set(slower) <= set(parameters):
        raise ValueError(f"slower = {slower!r} must name the model's parameters: {list(parameters)}.")
    groups = {}
    for name, parameter in parameters.items():
        if parameter.requires_grad:
            groups.setdefault(slower.get(name, 1), []).append(parameter)
    return [{"params": group, "lr": lr * factor} for factor, group in groups.items()]


def _batches(sample, seeds, steps, batch):
    # Numbers of their own, or a seed's examples and its initial weights would come from the same draws.
    generators = [torch.Generator().manual_seed(1_000_000 + seed) for seed in seeds]
    for start in range(0, steps, CHUNK):
        drawn = [sample(CHUNK * batch, generator) for generator in generators]
        inputs, labels = (torch.stack(part) for part in zip(*drawn, strict=True))
        if inputs.shape[1] != CHUNK * batch or labels.shape[1] != CHUNK * batch or labels.min() < 0:
            raise ValueError(
                f"sample({CHUNK * batch}, generator) must give {CHUNK * batch} inputs and as many labels, 0 or above; "
                f"it gave {tuple(inputs.shape[1:])} and {tuple(labels.shape[1:])}, the least label {labels.min()}."
            )
        for i in range(min(CHUNK, steps - start)):
            yield inputs[:, i * batch : (i + 1) * batch], labels[:, i * batch : (i + 1) * batch]


def _forward_each(template, parameters, inputs):
    return vmap(lambda p, x: functional_call(template, p, (x,)))(parameters, inputs)


def _cross_entropy(logits, labels):
    if logits.shape[:-1] != labels.shape:
        raise ValueError(f"logits {tuple(logits.shape)} need labels {tuple(logits.shape[:-1])}, not {labels.shape}.")
    each = F.cross_entropy(logits.flatten(0, -2), labels.flatten(), reduction="none")
    return each.view(len(labels), -1).mean(1)


def _snapshot(step, seeds, parameters, losses, template):
    norms = {n: p.grad.flatten(1).norm(dim=1) for n, p in parameters.items() if p.grad is not None}
    copies = {n: p.detach().clone() for n, p in parameters.items()}
    return Snapshot(step, seeds, copies, losses.detach().clone(), norms, template)
