"""Labels of every kind that files have, as numbers with names."""

import pickle

import numpy as np
import pytest

from deeptutorial.datasets import read_dataset
from deeptutorial.datasets.class_names import natural_order, numbered
from deeptutorial.datasets.load import read_undivided

LETTERS = tuple(map(str, range(1, 27)))


@pytest.mark.parametrize(
    ("labels", "expected", "names"),
    [
        ([0, 1, 2, 1], [0, 1, 2, 1], ()),
        ([0, 4, 9], [0, 4, 9], ()),  # some of the digits
        ([3, 4], [3, 4], ()),
        ([-1, 0, 1], [-1, 0, 1], ()),  # -1 is none
        (np.array([2, 0, 1], "u1"), [2, 0, 1], ()),
        (np.array([2, 0, 1], ">i8"), [2, 0, 1], ()),
        ([2.0, 0.0, 1.0], [2, 0, 1], ()),
        ([[2], [0], [1]], [2, 0, 1], ()),
        ([[0, 0, 1], [1, 0, 0], [0, 1, 0]], [2, 0, 1], ()),
        (np.eye(4, dtype=bool)[[3, 1]], [3, 1], ()),
        ([1, 26, *range(2, 26)], [0, 25, *range(1, 25)], LETTERS),
        ([1, -1, 2, 3], [0, -1, 1, 2], ("1", "2", "3")),
        (np.array([1, 2, 2], "u1"), [0, 1, 1], ("1", "2")),
        ([1.0, 2.0], [0, 1], ("1", "2")),
        ([-1, 1, 1], [0, 1, 1], ("-1", "1")),
        ([True, False], [1, 0], ("False", "True")),
        ([True, True], [1, 1], ("False", "True")),
        (["b", "a", "", "b"], [1, 0, -1, 1], ("a", "b")),
        ([b"b", b"a"], [1, 0], ("a", "b")),
        (["s10", "s2", "s1"], [2, 1, 0], ("s1", "s2", "s10")),
        (["10", "0", "2"], [10, 0, 2], ()),
        (["1", "3", "2"], [0, 2, 1], ("1", "2", "3")),
        (["7.0", "", "0"], [7, -1, 0], ()),
    ],
)
def test_labels_become_numbers(labels, expected, names):
    (found,), found_names = numbered([np.asarray(labels)])
    assert np.array_equal(found, expected)
    assert found_names == names


def test_the_same_numbers_in_all_parts():
    parts = [np.array(["cat", "eel"]), None, np.array(["dog", "cat"])]
    (train, none, test), names = numbered(parts)
    assert names == ("cat", "dog", "eel")
    assert (train.tolist(), none, test.tolist()) == ([0, 2], None, [1, 0])


def test_natural_order():
    assert natural_order(["10", "2", "1", "a10", "a9", "a"]) == ["1", "2", "10", "a", "a9", "a10"]


@pytest.mark.parametrize(
    "labels", [np.eye(3) * 2, np.ones((3, 3)), [0.5, 1, 2], ["0.5", "1", "2"], [2**40, 0, 1]]
)
def test_what_cannot_be_labels_is_refused(tmp_path, refusal, labels):
    np.savez(tmp_path / "x.npz", x=np.full((3, 2), 0.5), y=labels)
    refusal(read_dataset, tmp_path / "x.npz", "labels")


def test_class_names_come_with_the_data(tmp_path):
    x, kinds = np.full((21, 2), 0.5), np.array(["one", "two", "three"])[np.arange(21) % 3]
    np.savez(tmp_path / "whole.npz", x=x, y=kinds)
    assert read_undivided(tmp_path / "whole.npz").labels[:3].tolist() == [0, 2, 1]
    whole = read_dataset(tmp_path / "whole.npz")
    assert whole.class_names == ("one", "three", "two")
    assert set(whole.train[1]) == {0, 1, 2}

    np.savez(
        tmp_path / "parts.npz", x_train=x, y_train=["one"] * 21, x_test=x, y_test=kinds
    )  # classes that only the test set has
    parts = read_dataset(tmp_path / "parts.npz")
    assert parts.class_names == ("one", "three", "two")
    assert set(parts.train[1]) == {0}
    assert parts.test[1][:3].tolist() == [0, 2, 1]


def test_texts_of_no_alphabet_are_refused(tmp_path, refusal):
    labels = np.frombuffer(b"\xff\xff\xff\xff" * 3, "<U1")
    np.savez(tmp_path / "x.npz", x=np.full((3, 2), 0.5), y=labels)
    refusal(read_dataset, tmp_path / "x.npz", "cannot be read as .npz")


def test_classes_of_a_pickle_are_numbered_too(tmp_path):
    x, y = np.full((12, 4), 0.5), np.arange(12) % 3 + 1
    with open(tmp_path / "set.pkl", "wb") as file:
        pickle.dump(((x, y), (x, y[::-1]), (x[:2], y[:2])), file)
    dataset = read_dataset(tmp_path / "set.pkl")
    assert dataset.class_names == ("1", "2", "3")
    assert dataset.train[1].tolist() == (y - 1).tolist()
    assert dataset.test[1].tolist() == [0, 1]


def test_no_label_in_one_part_and_a_single_class_in_another():
    parts, names = numbered([np.array([1, 1]), np.array([-1, -1])])
    assert names == ()
    assert [part.tolist() for part in parts] == [[1, 1], [-1, -1]]


def test_labels_of_any_length():
    long = "9" * 5000
    (found,), names = numbered([np.array([f"a{long}", "a10", f"a1{long}"], dtype=object)])
    assert names == ("a10", f"a{long}", f"a1{long}")
    assert found.tolist() == [1, 0, 2]
