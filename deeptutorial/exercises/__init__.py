"""The companion's exercises: each is a module whose `check` looks at a reader's answer.

``check(answer)`` prints one line: that the answer is right, or what is wrong with it, and where to
look. It tries what the answer does, and does not tell the answer.

>>> from deeptutorial.exercises import delta
>>> delta.check(lambda x, z: x + z)
Not yet: with x = 1 and z nearly 1 nothing is left to learn, and yours is not 0 there.

`lowest_cost`
    1: a pair of numbers, the lowest cost and that of the mean digit.
`changed_pixels`
    2: a number, of the pixels that change.
`delta`
    3: a function of x and z (NumPy arrays) that returns dL/da.
`whole_image`
    4: a function of images (a NumPy array, one a row) that returns what to show the dA instead.
`untied`
    5: a subclass of `dA`.
`another_noise`
    6: a function of the symbolic input, the random streams and the level.
"""

from deeptutorial.exercises import (
    another_noise,
    changed_pixels,
    delta,
    lowest_cost,
    untied,
    whole_image,
)

__all__ = ["another_noise", "changed_pixels", "delta", "lowest_cost", "untied", "whole_image"]
