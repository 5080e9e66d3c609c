"""A figure under sliders by stock ipywidgets, for a page without a kernel: the rival of `explore` in the benchmarks.

All frames lie in a `Stack`, which shows one of them; `jslink` ties it to the slider in the reader's browser. The frames
are `explore`'s own slim SVG in `HTML` widgets: matplotlib's PNG in `Image` widgets would weigh many times as much.
"""

import ipywidgets

from explore import frame


def explore(draw, *, start=None, labels=None, controls=None, **choices):
    """The figure of `draw` under one `SelectionSlider` for each of `choices`, with the arguments of `explore`."""
    start, labels = start or {}, labels or {}
    choices = {name: list(values) for name, values in choices.items()}
    sliders = {
        name: ipywidgets.SelectionSlider(
            options=[(f"{value:g}" if isinstance(value, float) else str(value), value) for value in values],
            value=start.get(name, values[0]),
            description=labels.get(name, name),
        )
        for name, values in choices.items()
    }

    def stack(chosen, names):
        """The frames of one slider in a Stack, those of two in a Stack of Stacks, and so on."""
        if not names:
            svg, sentence = frame(draw, chosen)
            return ipywidgets.HTML(f"{svg}<p>{sentence}</p>")
        name, *others = names
        frames = [stack({**chosen, name: value}, others) for value in choices[name]]
        box = ipywidgets.Stack(frames, selected_index=sliders[name].index)
        ipywidgets.jslink((sliders[name], "index"), (box, "selected_index"))
        return box

    return ipywidgets.VBox([*sliders.values(), stack({}, list(choices))])
