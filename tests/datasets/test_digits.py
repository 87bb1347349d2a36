"""The built-in digits: right form, reproducible, varied, and readable."""

import numpy as np
import pytest

from deeptutorial.datasets.digits import STYLES, draw_digits, make_digits

SEED = 7
N_TRAIN, N_TEST = 5000, 1000


@pytest.fixture(scope="module")
def digits():
    images, labels = make_digits(N_TRAIN + N_TEST, seed=SEED)
    images.setflags(write=False)
    return images, labels


@pytest.fixture(scope="module")
def fields(digits):
    return digits[0].reshape(-1, 28, 28)


def accuracy_of_nearest(references, reference_labels, images, labels):
    references, images = references.astype(np.float64), images.astype(np.float64)
    # The images' own squares are the same for every reference, and drop out of the comparison.
    distances = (references**2).sum(axis=1) - 2 * images @ references.T
    return np.mean(reference_labels[distances.argmin(axis=1)] == labels)


def test_make_digits_form(digits):
    images, labels = digits
    assert images.shape == (N_TRAIN + N_TEST, 784)
    assert labels.shape == (N_TRAIN + N_TEST,)
    assert images.dtype == labels.dtype == np.uint8


def test_draw_digits_form():
    images = draw_digits(np.array([3, 1, 4, 1, 5]), np.random.default_rng(0))
    assert images.shape == (5, 28, 28)
    assert images.dtype == np.uint8
    assert (images.max(axis=(1, 2)) > 200).all()


@pytest.mark.parametrize("n", [0, 1, 499, 500, 501, 1234])
def test_short_set_begins_the_long_one(digits, n):
    images, labels = make_digits(n, seed=SEED)
    assert images.shape == (n, 784)
    assert np.array_equal(images, digits[0][:n])
    assert np.array_equal(labels, digits[1][:n])


def test_seeds_differ(digits):
    images, labels = make_digits(100, seed=SEED + 1)
    assert not np.array_equal(labels, digits[1][:100])
    assert not np.array_equal(images, digits[0][:100])


def test_default_seed_is_fixed():
    (images, labels), (again, labels_again) = make_digits(50), make_digits(50)
    assert np.array_equal(images, again)
    assert np.array_equal(labels, labels_again)


def test_draws_what_the_generator_gives():
    labels = np.arange(10)
    rng = np.random.default_rng(5)
    first, second = draw_digits(labels, rng), draw_digits(labels, rng)
    assert np.array_equal(first, draw_digits(labels, np.random.default_rng(5)))
    assert not np.array_equal(first, second)


def test_long_draws_are_drawn_whole():
    images = draw_digits(np.full(1203, 8), np.random.default_rng(1))
    assert images.shape == (1203, 28, 28)
    assert (images.max(axis=(1, 2)) > 200).all()


def test_progress_counts_up_to_n():
    counts = []
    make_digits(1100, seed=SEED, progress=counts.append)
    assert len(counts) > 1
    assert counts == sorted(set(counts))
    assert counts[-1] == 1100


def test_classes_balanced_in_random_order(digits):
    labels = digits[1]
    counts = np.bincount(labels, minlength=10)
    assert len(counts) == 10
    # About five deviations of the count of one class in 6000.
    assert np.abs(counts - len(labels) / 10).max() < 120
    # Neighbours are as often equal as chance has it.
    assert 0.07 < np.mean(labels[1:] == labels[:-1]) < 0.13


def test_background_is_exactly_zero(fields):
    edge = np.ones((28, 28), dtype=bool)
    edge[1:-1, 1:-1] = False
    touched = (fields[:, edge] > 0).any(axis=1)
    # A seven may hang down to the last row, since its mass lies in the bar.
    assert touched.mean() < 0.01
    assert not fields[:, :4, :4].any()
    assert not fields[:, -4:, -4:].any()
    assert 0.75 < np.mean(fields == 0) < 0.87


def test_fill_the_box(fields):
    def extent(inked):
        places = np.arange(28)
        return np.where(inked, places, -1).max(1) - np.where(inked, places, 28).min(1) + 1

    width, height = extent((fields > 0).any(axis=1)), extent((fields > 0).any(axis=2))
    longer = np.maximum(width, height)
    assert longer.min() >= 18
    assert longer.max() <= 22
    assert np.mean(longer == 20) > 0.9


def test_ones_narrower_than_zeros(fields, digits):
    width = (fields > 0).any(axis=1).sum(axis=1)
    assert width[digits[1] == 1].mean() < 11
    assert width[digits[1] == 0].mean() > 15


def test_mass_in_the_middle(fields):
    rows, columns = np.mgrid[:28, :28]
    mass = fields.sum(axis=(1, 2), dtype=np.float64)
    for places in (rows, columns):
        centre = (fields * places).sum(axis=(1, 2)) / mass
        assert np.abs(centre - 13.5).max() <= 0.5 + 1e-9


def test_as_much_ink_as_mnist(fields):
    share = fields.mean(axis=(1, 2)) / 255
    assert 0.12 < share.mean() < 0.145
    # Fine pens and broad ones.
    assert share.std() > 0.03


def test_antialiased(fields):
    inked = fields[fields > 0]
    full, grey = np.mean(inked == 255), np.mean((inked > 40) & (inked < 215))
    assert full > 0.25
    assert 0.2 < grey < 0.5
    assert len(np.unique(inked)) == 255


def test_no_two_alike(digits):
    assert len(np.unique(digits[0], axis=0)) == len(digits[0])


@pytest.mark.parametrize("label", range(10))
def test_variety_within_a_class(label):
    images = draw_digits(np.full(300, label), np.random.default_rng(label)).reshape(300, -1) / 255
    share = images.mean(axis=1)
    spread = np.sqrt(((images - images.mean(axis=0)) ** 2).sum(axis=1).mean())
    size = np.sqrt((images**2).sum(axis=1).mean())
    # Far from one picture drawn over and over, of which the spread would be nothing.
    assert spread > 0.5 * size
    assert np.quantile(share, 0.95) > 1.6 * np.quantile(share, 0.05)


def test_each_class_has_styles():
    assert list(STYLES) == list(range(10))
    assert all(len(styles) >= 3 for styles in STYLES.values())


def test_readable_but_not_trivial(digits):
    images, labels = digits
    train, train_labels = images[:N_TRAIN], labels[:N_TRAIN]
    test, test_labels = images[N_TRAIN:], labels[N_TRAIN:]
    means = np.stack([train[train_labels == label].mean(axis=0) for label in range(10)])
    by_mean = accuracy_of_nearest(means, np.arange(10), test, test_labels)
    by_neighbour = accuracy_of_nearest(train, train_labels, test, test_labels)
    assert 0.80 < by_mean < 0.92
    assert 0.95 < by_neighbour < 1


@pytest.mark.parametrize("wrong", [-1, 10, 255])
def test_refuses_what_is_no_digit(wrong):
    with pytest.raises(ValueError, match=rf"not {wrong}$"):
        draw_digits(np.array([0, wrong, 9]), np.random.default_rng(0))


def test_refuses_labels_of_wrong_kind():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"2\.5"):
        draw_digits(np.array([2.5, 1.0]), rng)
    with pytest.raises(ValueError, match=r"\(2, 1\)"):
        draw_digits(np.array([[1], [2]]), rng)


def test_no_labels_no_digits():
    assert draw_digits(np.array([], dtype=int), np.random.default_rng(0)).shape == (0, 28, 28)


def test_refuses_negative_number():
    with pytest.raises(ValueError, match="-3"):
        make_digits(-3)
