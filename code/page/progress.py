"""A progress bar for training: in Jupyter, and nowhere else."""

import os
import sys
import time


def progress_bar(steps, watch=None):
    """A function to call as show(step, losses, snapshot or None) at every step.

    watch: called with each snapshot; the HTML that it returns stands under the bar. In plain Python, and while the
    book is built, nothing is shown and `watch` is not called: its HTML would have nowhere to go.
    """
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if os.environ.get("BOOK_STATIC") or type(shell).__name__ != "ZMQInteractiveShell":
        return lambda step, losses, snapshot: None
    import ipywidgets as widgets
    from IPython.display import display

    bar, text, seen = widgets.IntProgress(max=steps), widgets.Label(), widgets.HTML()
    started = time.monotonic()
    display(widgets.VBox([widgets.HBox([bar, text]), seen]))

    def show(step, losses, snapshot):
        if snapshot is not None and watch is not None:
            seen.value = watch(snapshot)
        if step % 10 == 0 or step == steps:
            bar.value = step
            text.value = f"step {step} of {steps}, loss {losses.mean():.3f}, {time.monotonic() - started:.0f} s"

    return show
