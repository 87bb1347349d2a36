"""Labels as numbers, and how many classes there are."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from deeptutorial.datasets import DatasetError, count_classes, label_values


def parts(*labels):
    return [
        (None, pt.cast(pytensor.shared(np.asarray(part, dtype="float64")), "int32"))
        for part in labels
    ]


def test_values():
    ((_, labels),) = parts([3, 0, -1])
    values = label_values(labels)
    assert values.dtype == np.int32
    np.testing.assert_array_equal(values, [3, 0, -1])


def test_classes_are_counted_over_all_parts():
    assert count_classes(parts([0, 1, 2], [2], [4, 0])) == 5


def test_examples_without_a_label_are_refused():
    with pytest.raises(DatasetError, match="2 of the 3 examples of the test set have no label"):
        count_classes(parts([0, 1], [1], [-1, 0, -1]))
