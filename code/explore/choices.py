"""The choices of a figure: which values, in which control, in which words."""

import inspect
import itertools
import math
from dataclasses import dataclass

MOST_FRAMES = 400
MOST_BUTTONS = 8
CONTROLS = ("slider", "buttons", "menu", "play", "play once")


@dataclass
class Choice:
    name: str
    label: str
    values: list
    start: int  # the place of the value shown first
    control: str

    @property
    def words(self):
        return words_for(self.values)


def check_choices(draw, choices, start, labels, controls):
    """The list of `Choice`s. Errors: ValueError, see `explore`."""
    if not callable(draw):
        raise ValueError(f"draw must be a function that returns (figure, sentence); got {type(draw).__name__}.")
    values = {name: check_values(name, options) for name, options in choices.items()}
    for given in (start, labels, controls):
        for name in given:
            if name not in values:
                raise ValueError(
                    f"start, labels or controls name {name!r}, which is no choice; the choices are {list(values)}."
                )
    for name, control in controls.items():
        if control not in CONTROLS:
            raise ValueError(f"controls = {{{name!r}: {control!r}}}: there is no such control, only {CONTROLS}.")
    for name, value in start.items():
        if place_of(value, values[name]) is None:
            raise ValueError(f"start = {{{name!r}: {value!r}}} is not among the choices {values[name]}.")
    combinations = math.prod(map(len, values.values()))
    if combinations > MOST_FRAMES:
        sizes = " × ".join(f"{name}: {len(options)}" for name, options in values.items())
        raise ValueError(f"{combinations} combinations ({sizes}), at most {MOST_FRAMES}. Shorten a list of choices.")
    given = [
        Choice(
            name,
            labels.get(name, name),
            options,
            place_of(start[name], options) if name in start else 0,
            controls.get(name) or suited(options),
        )
        for name, options in values.items()
    ]
    try:
        inspect.signature(draw).bind(**{choice.name: choice.values[choice.start] for choice in given})
    except TypeError as error:
        name = getattr(draw, "__name__", "draw")
        raise ValueError(f"{name} cannot be called with {', '.join(values) or 'no choice'}: {error}.") from None
    return given


def check_values(name, options):
    """The values as a list of Python's own numbers and texts."""
    if isinstance(options, str | bytes | dict | set | frozenset) or not hasattr(options, "__iter__"):
        raise ValueError(f"{name} must be a list of its values, in order; got {options!r}.")
    values = [option.item() if getattr(option, "ndim", None) == 0 else option for option in options]
    if not values:
        raise ValueError(f"{name} must be a list of its values; it is empty.")
    for value in values:
        if not isinstance(value, str | int | float) or (isinstance(value, float) and not math.isfinite(value)):
            raise ValueError(
                f"{name}: {value!r} is no value to choose; values are texts and finite numbers. "
                "Choose among names, and look up in draw what each of them means."
            )
    for a, b in itertools.combinations(values, 2):
        if a == b:
            raise ValueError(f"{name} has two equal values, {a!r} and {b!r}; leave one out.")
    return values


def place_of(value, values):
    """Where a value stands in a list; None if it does not, or cannot be compared."""
    for place, one in enumerate(values):
        try:
            if bool(one == value):
                return place
        except (TypeError, ValueError, RuntimeError):  # an array, compared with a number
            return None
    return None


def suited(values):
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return "slider"
    return "buttons" if len(values) <= MOST_BUTTONS else "menu"


def words_for(values):
    """Values as readers see them: short, and never two of them alike."""
    short = [f"{value:g}" if isinstance(value, float) else str(value) for value in values]
    alike = {words for words in short if short.count(words) > 1}
    words = [repr(value) if words in alike else words for words, value in zip(short, values, strict=True)]
    return [one.replace("-", "−") if is_number(value) else one for one, value in zip(words, values, strict=True)]


def is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool)
