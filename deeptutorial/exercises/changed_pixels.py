"""Exercise 2: how many pixels of a digit the noise changes."""

from typing import Any

from deeptutorial.exercises.verdicts import NotYet, digits, numbers, telling

__all__ = ["check"]

LEVEL = 0.3


@telling
def check(answer: Any) -> None:
    """Check a number: of the 784 pixels, those that masking at 0.3 changes, on average.

    Of the training set of ``load_data("digits")``. It prints a line.
    """
    (changed,) = numbers(answer, 1, "one number")
    ink = float((digits() > 0).sum(axis=1).mean())
    if 0 < changed < 1:
        raise NotYet("that is a part. How many pixels is it?")
    others = {
        784 * LEVEL: "so many are drawn to be masked. How many of these were black before?",
        ink: "so many have ink. Does the noise change all of them?",
        ink * (1 - LEVEL): "so many stay as they are.",
        784 - ink: "so many are black before. What does masking do to these?",
    }
    for number, fault in others.items():
        if abs(changed - number) < 0.01 * number:
            raise NotYet(fault)
    right = ink * LEVEL
    if abs(changed - right) > 0.03 * right:  # a sample of a thousand images is as near
        way = "few" if changed < right else "many"
        raise NotYet(f"those are too {way}. Compare some images before and after, pixel by pixel.")
