"""A progress bar for training: in Jupyter, and nowhere else."""

import os
import sys
import time

PICTURES = 15  # drawing one takes as long as several steps


def progress_bar(steps, watch=None):
    """A function to call as show(step, losses, snapshot or None) at every step.

    watch: called with a snapshot, PICTURES times at most and at the end; the HTML that it returns stands under the
    bar. In plain Python, and while the book is built, nothing is shown and `watch` is not called: its HTML would have
    nowhere to go.
    """
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if os.environ.get("BOOK_STATIC") or type(shell).__name__ != "ZMQInteractiveShell":
        return lambda step, losses, snapshot: None
    import ipywidgets as widgets
    from IPython.display import display

    bar, text, seen = widgets.IntProgress(max=steps), widgets.Label(), widgets.HTML()
    started, due = time.monotonic(), 0
    display(widgets.VBox([widgets.HBox([bar, text]), seen]))

    def show(step, losses, snapshot):
        nonlocal due
        if watch is not None and snapshot is not None and (step >= due or step == steps):
            seen.value, due = watch(snapshot), step + steps / PICTURES
        if step % 10 == 0 or step == steps:
            bar.value = step
            text.value = f"step {step} of {steps}, loss {losses.mean():.3f}, {time.monotonic() - started:.0f} s"

    return show
