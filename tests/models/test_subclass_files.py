"""Subclasses in files: what they name comes back, and what they do not name is refused."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from deeptutorial import ModelFileError, RandomStreams, SdA, dA, load_model
from deeptutorial.models import da as da_module


class Untied(dA):
    """Exercise 5: the decoder has a matrix of its own."""

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.W_prime = pytensor.shared(self.W.get_value().T.copy(), name="W_prime")
        self.params.append(self.W_prime)


class NamedUntied(Untied):
    def named_params(self):
        return {**super().named_params(), "W_prime": self.W_prime}


class Steep(dA):
    """A sigmoid of another slope."""

    hyperparameters = (*dA.hyperparameters, "slope")

    def __init__(self, numpy_rng, slope=1.0, **named):
        super().__init__(numpy_rng, **named)
        self.slope = slope

    def get_hidden_values(self, input):
        return pt.sigmoid(self.slope * (pt.dot(input, self.W) + self.b))


class Forgetful(Steep):
    hyperparameters = dA.hyperparameters


class WithMoreLayers(SdA):
    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.params.append(pytensor.shared(np.ones(3), name="scale"))


class FromTheTutorial(dA):
    """Calls no other constructor, and has not all of its arguments."""

    def __init__(self, numpy_rng, n_visible, n_hidden):
        self.n_visible, self.n_hidden = n_visible, n_hidden
        self.W, self.b, self.b_prime = (
            pytensor.shared(numpy_rng.uniform(-1, 1, shape))
            for shape in ((n_visible, n_hidden), n_hidden, n_visible)
        )
        self.W_prime = self.W.T
        self.theano_rng = RandomStreams(1)
        self.x = pt.matrix("x")
        self.params = [self.W, self.b, self.b_prime]


@pytest.fixture(autouse=True)
def in_float64():
    with pytensor.config.change_flags(floatX="float64"):
        yield


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.npz"


def cost_of(da):
    x = np.random.default_rng(0).random((3, 6))
    z = da.get_reconstructed_input(da.get_hidden_values(da.x))
    costs = da.get_reconstruction_costs(da.x, z)
    return pytensor.function([da.x], costs, mode="FAST_COMPILE")(x)


def test_untied_weights_come_back_once_they_are_named(path):
    da = NamedUntied(np.random.RandomState(1), n_visible=6, n_hidden=4)
    da.W_prime.set_value(np.random.RandomState(2).normal(size=(4, 6)))
    da.save(path)
    loaded = NamedUntied.load(path)
    np.testing.assert_array_equal(loaded.W_prime.get_value(), da.W_prime.get_value())
    np.testing.assert_array_equal(cost_of(loaded), cost_of(da))


@pytest.mark.parametrize("is_trained", [True, False])
def test_untied_weights_that_nobody_named_are_refused_at_save(path, is_trained):
    da = Untied(np.random.RandomState(1), n_visible=6, n_hidden=4)
    if not is_trained:
        da.params.pop()
    with pytest.raises(TypeError, match=r"W_prime of the Untied would get lost: .*'W_prime': self"):
        da.save(path)
    assert not path.exists()


def test_a_parameter_of_a_stack_that_nobody_named_is_refused(path):
    sda = WithMoreLayers(np.random.RandomState(1), n_ins=6, hidden_layers_sizes=[4], n_outs=3)
    with pytest.raises(TypeError, match="scale of the WithMoreLayers would get lost"):
        sda.save(path)


def test_a_hyperparameter_of_ones_own_comes_back(path):
    da = Steep(np.random.RandomState(1), n_visible=6, n_hidden=4, slope=2.5)
    da.save(path)
    assert Steep.load(path).slope == 2.5
    np.testing.assert_array_equal(cost_of(Steep.load(path)), cost_of(da))


def test_a_hyperparameter_that_nobody_named_is_refused_unless_loading_gives_it(path):
    arguments = {"n_visible": 6, "n_hidden": 4}
    with pytest.raises(TypeError, match=r"slope, an argument of Forgetful\(\), .*'slope'\)"):
        Forgetful(np.random.RandomState(1), slope=2.5, **arguments).save(path)
    da = Forgetful(np.random.RandomState(1), **arguments)
    da.save(path)
    np.testing.assert_array_equal(cost_of(Forgetful.load(path)), cost_of(da))


def test_shared_variables_that_are_no_parameters_are_in_nobodys_way(path):
    rows = pytensor.shared(np.random.default_rng(0).random((5, 6)))
    da = dA(np.random.RandomState(1), input=rows, n_visible=6, n_hidden=4)
    da.rate = pytensor.shared(0.1)
    da.save(path)
    np.testing.assert_array_equal(dA.load(path).W.get_value(), da.W.get_value())


def test_a_class_for_the_tutorials_constructor_comes_back(path):
    da = FromTheTutorial(np.random.RandomState(1), 6, 4)
    da.reconstruction_cost = "squared-error"
    da.save(path)
    loaded = FromTheTutorial.load(path)
    assert loaded.reconstruction_cost == "squared-error"
    np.testing.assert_array_equal(cost_of(loaded), cost_of(da))


def test_each_is_loaded_by_its_own_class(path):
    Steep(np.random.RandomState(1), n_visible=6, n_hidden=4, slope=2.5).save(path)
    with pytest.raises(ModelFileError, match=r"'Steep', .* by the load\(\) of that class"):
        load_model(path)
    with pytest.raises(ModelFileError, match="kind 'Steep', not 'dA'"):
        dA.load(path)


def test_a_subclass_of_the_same_name_is_another_class(path):
    namesake = type("dA", (Steep,), {"__module__": "mine"})
    namesake(np.random.RandomState(1), n_visible=6, n_hidden=4, slope=2.5).save(path)
    with pytest.raises(ModelFileError, match=r"'mine\.dA', not 'dA'"):
        da_module.dA.load(path)
    assert namesake.load(path).slope == 2.5


def test_arrays_that_are_not_the_models_are_refused_at_load(path):
    NamedUntied(np.random.RandomState(1), n_visible=6, n_hidden=4).save(path)

    class TiedAgain(NamedUntied):
        def named_params(self):
            return dA.named_params(self)

    class Transposed(NamedUntied):
        def __init__(self, *arguments, **named):
            super().__init__(*arguments, **named)
            self.W_prime = self.W

    for other, message in ((TiedAgain, "array 'W_prime' unknown"), (Transposed, r"shape \(6, 4\)")):
        other.__name__ = "NamedUntied"
        other.__mro__[1].__name__ = "Base"
        try:
            with pytest.raises(ModelFileError, match=message):
                other.load(path)
        finally:
            other.__mro__[1].__name__ = "NamedUntied"
