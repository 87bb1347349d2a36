"""Each exercise's check: what the page's answers are told, and what typical wrong ones are told."""

import re
from pathlib import Path

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from deeptutorial import dA, exercises
from deeptutorial.exercises import verdicts

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def digits():
    """Let the checks look at 500 random images with much black in them, and return these."""
    rng = np.random.default_rng(3)
    images = rng.random((500, 784), dtype="float32") * (rng.random((500, 784)) < 0.2)
    with pytest.MonkeyPatch.context() as patch:
        for module in (exercises.lowest_cost, exercises.changed_pixels):
            patch.setattr(module, "digits", lambda: images)
        exercises.lowest_cost._costs.cache_clear()
        yield images
        exercises.lowest_cost._costs.cache_clear()


@pytest.fixture
def told(capsys):
    """Return a function that checks an answer, and returns what was printed: one line."""

    def told(exercise, answer):
        assert exercise.check(answer) is None
        (line,) = capsys.readouterr().out.splitlines()
        return line

    return told


def cost(X, z):
    """Work formula (4) out pixel by pixel, with 0 log 0 = 0."""
    z = np.broadcast_to(z, X.shape).astype("float64")
    with np.errstate(all="ignore"):
        each = np.where(X > 0, -X * np.log(z), 0) + np.where(X < 1, -(1 - X) * np.log(1 - z), 0)
    return each.sum(axis=1).mean()


def test_lowest_cost(digits, told):
    low, mean = cost(digits, digits), cost(digits, digits.mean(axis=0))
    assert told(exercises.lowest_cost, (low, mean)) == "Right."
    assert told(exercises.lowest_cost, [np.float32(low), np.array(mean)]) == "Right."
    for answer, hint in {
        (0, mean): "one of 0.5",
        (-low, -mean): "minus",
        (low / 784, mean / 784): "adds them up",
        (low / np.log(2), mean / np.log(2)): "bits",
        (low * 500, mean * 500): "mean was asked",
        (mean, low): "changed places",
        (low * 0.9, mean): "too low",
        (low * 1.1, mean): "too high",
        (low, 784 * np.log(2)): "grey all over",
        (low, mean * 1.05): "the second",
        (np.nan, mean): "0 log 0",
        (low,): "two numbers",
        "low": "two numbers",
    }.items():
        line = told(exercises.lowest_cost, answer)
        assert line.startswith("Not yet: ")
        assert hint in line
        assert f"{low:.1f}" not in line
        assert f"{mean:.1f}" not in line


def test_changed_pixels(digits, told):
    ink = np.count_nonzero(digits, axis=1).mean()
    masked = digits * (np.random.default_rng(1).random(digits.shape) > 0.3)
    for right in (0.3 * ink, (masked != digits).sum(axis=1).mean()):
        assert told(exercises.changed_pixels, right) == "Right."
    for answer, hint in {
        784 * 0.3: "black before",
        ink: "all of them",
        0.7 * ink: "stay",
        784 - ink: "black before",
        0.3: "a part",
        0.4 * ink: "too many",
        0.2 * ink: "too few",
        "many": "one number",
    }.items():
        line = told(exercises.changed_pixels, answer)
        assert line.startswith("Not yet: ")
        assert hint in line
        assert f"{0.3 * ink:.0f}" not in line


def test_delta(told):
    assert told(exercises.delta, lambda x, z: z - x) == "Right."
    assert told(exercises.delta, lambda x, z: -x * (1 - z) + (1 - x) * z) == "Right."
    for answer, hint in [
        (lambda x, z: x - z, "sign"),
        (lambda x, z: (z - x) * z * (1 - z), "too many"),
        (lambda x, z: (1 - x) / (1 - z) - x / z + np.where(z > 0.999, 1 / z, 0), "still to come"),
        (lambda x, z: (1 - x) / (1 - z) - x / z, "nothing is left to learn"),
        (lambda x, z: x + z, "nothing is left to learn"),
        (lambda x, z: 2 * (z - x), "finite difference"),
        (lambda x, z: (z - x).sum(), "one value a pixel"),
        (lambda x, z: z.nothing, "AttributeError"),
        (lambda x: x, "TypeError"),
        (0.5, "function of x and z"),
    ]:
        line = told(exercises.delta, answer)
        assert line.startswith("Not yet: ")
        assert hint in line


def test_whole_image(told):
    assert told(exercises.whole_image, lambda images: 0.7 * images) == "Right."
    rng = np.random.default_rng(5)
    for answer, hint in [
        (lambda images: images, "more than in training"),
        (lambda images: images / 0.7, "more than in training"),
        (lambda images: 0.3 * images, "less than in training"),
        (lambda images: images * (rng.random(images.shape) > 0.3), "leaves pixels out"),
        (lambda images: images**2, "something else"),
        (lambda images: 0 * images, "leaves pixels out"),
        (lambda images: images.mean(axis=0), "shape"),
        (lambda images: images.blur(), "AttributeError"),
        (0.7, "function of images"),
    ]:
        line = told(exercises.whole_image, answer)
        assert line.startswith("Not yet: ")
        assert hint in line
        assert "0.7" not in line


class Untied(dA):
    def __init__(self, numpy_rng, **options):
        super().__init__(numpy_rng, **options)
        self.W_prime = pytensor.shared(self.W.get_value().T.copy(), name="W_prime")
        self.params.append(self.W_prime)


class Untrained(Untied):
    def __init__(self, numpy_rng, **options):
        super().__init__(numpy_rng, **options)
        self.params.pop()


class Transposed(Untied):
    def __init__(self, numpy_rng, **options):
        super().__init__(numpy_rng, **options)
        self.params[-1] = self.W_prime = pytensor.shared(self.W.get_value())


class DecodesWithW(Untied):
    def get_reconstructed_input(self, hidden):
        return pt.sigmoid(pt.dot(hidden, self.W.T) + self.b_prime)


class WithoutBias(Untied):
    def get_reconstructed_input(self, hidden):
        return pt.sigmoid(pt.dot(hidden, self.W_prime) + 1 + self.b_prime)


class Uphill(Untied):
    def get_cost_updates(self, corruption_level, learning_rate):
        cost, updates = super().get_cost_updates(corruption_level, learning_rate)
        return cost, [(param, 2 * param - new) for param, new in updates]


class NeedsMore(dA):
    def __init__(self, numpy_rng, decay, **options):
        super().__init__(numpy_rng, **options)


@pytest.mark.parametrize("floatX", ["float32", "float64"])
def test_untied(told, floatX):
    with pytensor.config.change_flags(floatX=floatX):
        assert told(exercises.untied, Untied) == "Right."


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (dA, "worked out from W"),
        (Untrained, "nobody trains"),
        (Transposed, "from 4 hidden units to 6"),
        (DecodesWithW, "formula (3)"),
        (WithoutBias, "formula (3)"),
        (Uphill, "slope"),
        (NeedsMore, "TypeError"),
        (dict, "subclass of dA"),
        (Untied(np.random.RandomState(0), n_hidden=3), "subclass of dA"),
    ],
)
def test_what_is_not_untied(told, answer, hint):
    line = told(exercises.untied, answer)
    assert line.startswith("Not yet: ")
    assert hint in line


def coin(theano_rng, input, p):
    return theano_rng.binomial(input.shape, 1, p, dtype=input.dtype)


def partly_white(input, theano_rng, corruption_level):
    kept = coin(theano_rng, input, 1 - corruption_level)
    return kept * input + (1 - kept) * coin(theano_rng, input, 1 / 3)


def by_one_draw(input, theano_rng, corruption_level):
    u = theano_rng.uniform(input.shape, dtype=input.dtype)
    spoilt = pt.switch(pt.lt(u, corruption_level / 3), pt.ones_like(input), pt.zeros_like(input))
    return pt.switch(pt.lt(u, corruption_level), spoilt, input)


def half_white(input, theano_rng, level):
    kept = coin(theano_rng, input, 1 - level)
    return kept * input + (1 - kept) * coin(theano_rng, input, 0.5)


def white_beside(input, theano_rng, level):
    """Mask, and then make a third of the level white: some of these were not masked."""
    white = coin(theano_rng, input, level / 3)
    return pt.switch(pt.gt(white, 0), white, coin(theano_rng, input, 1 - level) * input)


def white_images(input, theano_rng, level):
    kept = coin(theano_rng, input, 1 - level)
    white = theano_rng.binomial((input.shape[0],), 1, 1 / 3, dtype=input.dtype)
    return kept * input + (1 - kept) * white.dimshuffle(0, "x")


def frozen(input, theano_rng, level):
    u = np.random.default_rng(0).random((400, 250)).astype(input.dtype)
    return pt.switch(u < level / 3, pt.ones_like(input), pt.switch(u < level, 0 * input, input))


def only_ink(input, theano_rng, level):
    return pt.switch(pt.gt(input, 0), partly_white(input, theano_rng, level), input)


@pytest.mark.parametrize("answer", [partly_white, by_one_draw])
@pytest.mark.parametrize("floatX", ["float32", "float64"])
def test_another_noise(told, answer, floatX):
    with pytensor.config.change_flags(floatX=floatX):
        assert told(exercises.another_noise, answer) == "Right."


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (half_white, "a third was asked"),
        (white_beside, "spoilt anyway"),
        (lambda i, rng, level: partly_white(i, rng, level / 2), "15%"),
        (white_images, "draw of its own"),
        (frozen, "same pixels"),
        (only_ink, "black pixels"),
        (lambda i, rng, level: i + level * rng.normal(i.shape), "neither black, white"),
        (lambda i, rng, level: partly_white(i, rng, level).sum(axis=1), "it makes (400,)"),
        (lambda i, rng, level: partly_white(i, rng, 0.3), "level of 0"),
        (lambda i, rng, level: np.zeros((400, 250)), "no graph"),
        (lambda i, rng, level: pt.cast(partly_white(i, rng, level), "int8"), "dtype=input.dtype"),
        (lambda i, rng: i, "TypeError"),
        ("white", "a function of the input"),
    ],
)
def test_what_is_not_that_noise(told, answer, hint):
    line = told(exercises.another_noise, answer)
    assert line.startswith("Not yet: ")
    assert hint in line


def test_the_digits_are_those_of_load_data(monkeypatch):
    part = np.zeros((3, 28, 28), dtype="float32"), np.arange(3)
    monkeypatch.setattr(verdicts, "read_dataset", lambda name: {"digits": DatasetOf(part)}[name])
    verdicts.digits.cache_clear()
    assert verdicts.digits().shape == (3, 784)
    verdicts.digits.cache_clear()


class DatasetOf:
    def __init__(self, train):
        self.train = train


def test_each_exercise_of_the_page_has_a_check_that_its_answer_passes():
    page = (ROOT / "docs" / "exercises.md").read_text(encoding="utf-8")
    parts = re.split(r"^## \d\. .*$", page, flags=re.MULTILINE)[1:]
    named = []
    for part in parts:
        question, answer = part.split("<details>")
        (name,) = re.findall(r"exercises\.(\w+)\.check", question)
        assert f"exercises.{name}.check(" in answer
        named.append(name)
    assert sorted(named) == exercises.__all__
