"""The stacked denoising autoencoder against NumPy, and its two faces against each other."""

import inspect

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from deeptutorial import RandomStreams, SdA, load_data
from deeptutorial.compile.ops.denoising_step import DenoisingStep

N_INS, SIZES, N_OUTS = 7, (6, 5), 3
N_EXAMPLES, BATCH = 24, 4


@pytest.fixture(autouse=True)
def in_float64():
    with pytensor.config.change_flags(floatX="float64"):
        yield


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def small_SdA(seed=89677, **arguments):
    """Return a network with biases and a top that are not zero."""
    network = SdA(np.random.RandomState(seed), None, N_INS, SIZES, N_OUTS, **arguments)
    rng = np.random.default_rng(1)
    for parameter in (*network.params, *(layer.b_prime for layer in network.dA_layers)):
        if not parameter.get_value().any():
            shape = parameter.get_value().shape
            parameter.set_value(rng.uniform(-1, 1, shape).astype(parameter.dtype))
    return network


def shared_part(n_examples=N_EXAMPLES, seed=0, n_ins=N_INS, labels=None):
    rng = np.random.default_rng(seed)
    x = rng.random((n_examples, n_ins)).astype(pytensor.config.floatX)
    y = rng.integers(0, N_OUTS, n_examples) if labels is None else np.asarray(labels)
    return pytensor.shared(x), pt.cast(pytensor.shared(y.astype("float64")), "int32"), x, y


def datasets():
    return [shared_part(n, seed)[:2] for seed, n in enumerate((N_EXAMPLES, 8, 12))]


def values(parameters):
    return [parameter.get_value() for parameter in parameters]


def all_parameters(network):
    return [*network.params, *(layer.b_prime for layer in network.dA_layers)]


def numpy_pretraining_step(x, W, b, b_prime, rate):
    """Return the cost at corruption 0, and change the parameters in place."""
    y = sigmoid(x @ W + b)
    z = sigmoid(y @ W.T + b_prime)
    cost = np.mean(-np.sum(x * np.log(z) + (1 - x) * np.log(1 - z), axis=1))
    dz = (z - x) / len(x)
    dy = (dz @ W) * y * (1 - y)
    W -= rate * (x.T @ dy + dz.T @ y)
    b -= rate * dy.sum(axis=0)
    b_prime -= rate * dz.sum(axis=0)
    return cost


def numpy_forward(x, params):
    """Return the codes from the images upwards, and the probabilities."""
    codes = [x]
    for W, b in zip(params[:-2:2], params[1:-2:2], strict=True):
        codes.append(sigmoid(codes[-1] @ W + b))
    e = np.exp(codes[-1] @ params[-2] + params[-1])
    return codes, e / e.sum(axis=1, keepdims=True)


def numpy_finetuning_step(x, labels, params, rate):
    """Return the cost, and the parameters after a step of back-propagation."""
    codes, p = numpy_forward(x, params)
    cost = -np.mean(np.log(p[np.arange(len(x)), labels]))
    delta = (p - np.eye(N_OUTS)[labels]) / len(x)
    new = list(params)
    for layer in reversed(range(len(params) // 2)):
        W, b = params[2 * layer : 2 * layer + 2]
        new[2 * layer] = W - rate * codes[layer].T @ delta
        new[2 * layer + 1] = b - rate * delta.sum(axis=0)
        delta = (delta @ W.T) * codes[layer] * (1 - codes[layer])
    return cost, new


# ---- construction


def test_signature_is_the_tutorials():
    parameters = inspect.signature(SdA).parameters
    assert list(parameters) == [
        *("numpy_rng", "theano_rng", "n_ins", "hidden_layers_sizes", "n_outs", "corruption_levels"),
        *("corruption", "reconstruction_cost"),  # are ours, and come last
    ]
    assert parameters["n_ins"].default == 784
    assert tuple(parameters["hidden_layers_sizes"].default) == (500, 500)
    assert parameters["n_outs"].default == 10


def test_weights_are_drawn_in_the_tutorials_order():
    """The seed of the noise, and then the weights from below: worked out with NumPy alone."""
    rng = np.random.RandomState(89677)
    rng.randint(2**30)
    network = SdA(np.random.RandomState(89677), None, N_INS, SIZES, N_OUTS)
    n_in = N_INS
    for layer, n_out in zip(network.sigmoid_layers, SIZES, strict=True):
        bound = 4 * np.sqrt(6.0 / (n_in + n_out))
        expected = rng.uniform(-bound, bound, size=(n_in, n_out))
        np.testing.assert_allclose(layer.W.get_value(), expected, rtol=1e-14)
        n_in = n_out
    assert not network.logLayer.W.get_value().any()


def test_the_two_faces_share_their_parameters():
    network = small_SdA()
    assert network.n_layers == len(network.sigmoid_layers) == len(network.dA_layers) == 2
    for layer, autoencoder in zip(network.sigmoid_layers, network.dA_layers, strict=True):
        assert autoencoder.W is layer.W
        assert autoencoder.b is layer.b
        assert autoencoder.x is layer.input
        assert autoencoder.theano_rng is network.theano_rng
    assert network.sigmoid_layers[0].input is network.x
    assert network.sigmoid_layers[1].input is network.sigmoid_layers[0].output
    assert network.logLayer.input is network.sigmoid_layers[1].output
    assert network.params == [
        *network.sigmoid_layers[0].params,
        *network.sigmoid_layers[1].params,
        *network.logLayer.params,
    ]
    assert (network.x.ndim, network.y.dtype) == (2, "int32")


@pytest.mark.slow
def test_an_update_through_one_face_is_seen_by_the_other():
    network = small_SdA()
    train_set_x, _, x, _ = shared_part()
    before = network.predict_proba(x)
    network.pretraining_functions(train_set_x, BATCH)[0](index=0, corruption=0, lr=0.5)
    after = network.predict_proba(x)
    assert np.abs(after - before).max() > 1e-4
    np.testing.assert_allclose(after, numpy_forward(x, values(network.params))[1], rtol=1e-10)

    encode = pytensor.function(
        [network.x], network.dA_layers[0].get_hidden_values(network.dA_layers[0].x)
    )
    code = encode(x)
    train_fn, _, _ = network.build_finetune_functions(datasets(), BATCH, 0.5)
    train_fn(0)
    assert np.abs(encode(x) - code).max() > 1e-6


def test_corruption_levels_are_kept():
    assert small_SdA().corruption_levels == [0.1, 0.1]
    assert small_SdA(corruption_levels=[0, 0.25]).corruption_levels == [0, 0.25]
    three = SdA(np.random.RandomState(0), hidden_layers_sizes=[4, 3, 2])
    assert three.corruption_levels == [0.1, 0.1, 0.1]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"numpy_rng": 1}, TypeError, "numpy_rng must be .* got 1"),
        ({"theano_rng": 1}, TypeError, "theano_rng must be a deeptutorial.RandomStreams, .* got 1"),
        ({"n_ins": 0}, ValueError, "n_ins must be at least 1, got 0"),
        ({"n_outs": 2.5}, TypeError, "n_outs must be an integer, got 2.5"),
        ({"hidden_layers_sizes": []}, ValueError, "hidden_layers_sizes is empty"),
        ({"hidden_layers_sizes": 500}, TypeError, "must be a sequence of integers, got 500"),
        ({"hidden_layers_sizes": [5, 0]}, ValueError, r"sizes\[1\] must be at least 1, got 0"),
        ({"hidden_layers_sizes": [5.0]}, TypeError, r"sizes\[0\] must be an integer, got 5.0"),
        (
            {"corruption_levels": [0.1, 0.2, 0.3]},
            ValueError,
            "one level for each of the 2 hidden layers, got 3",
        ),
        ({"corruption_levels": [0.1, 1.2]}, ValueError, r"levels\[1\] must be in \[0, 1\], got"),
        ({"corruption_levels": 0.1}, TypeError, "must be a sequence of numbers, got 0.1"),
        ({"corruption": "rain"}, ValueError, "corruption must be one of masking, .* got 'rain'"),
        (
            {"reconstruction_cost": "absolute"},
            ValueError,
            "reconstruction_cost must be one of cross-entropy, squared-error, got 'absolute'",
        ),
    ],
)
def test_wrong_arguments_are_named(arguments, error, message):
    complete = {"numpy_rng": np.random.RandomState(0), "hidden_layers_sizes": (5, 4)} | arguments
    with pytest.raises(error, match=message):
        SdA(**complete)


# ---- pre-training


def test_pretraining_without_corruption_is_that_of_numpy():
    network = small_SdA()
    train_set_x, _, x, _ = shared_part()
    pretraining_fns = network.pretraining_functions(train_set_x, batch_size=BATCH)
    assert len(pretraining_fns) == 2
    expected = [values(layer.params) for layer in network.dA_layers]
    for layer, pretrain in enumerate(pretraining_fns):
        for batch in (0, 1, 2, 3, 4, 5, 0, 1, 2):
            rows = x[batch * BATCH : (batch + 1) * BATCH]
            for W, b, _ in expected[:layer]:
                rows = sigmoid(rows @ W + b)
            cost = pretrain(index=batch, corruption=0, lr=0.3)
            np.testing.assert_allclose(
                cost, numpy_pretraining_step(rows, *expected[layer], 0.3), rtol=1e-10
            )
    for layer, parameters in zip(network.dA_layers, expected, strict=True):
        for got, wanted in zip(values(layer.params), parameters, strict=True):
            np.testing.assert_allclose(got, wanted, rtol=1e-8, atol=1e-11)


def test_squared_error_is_the_lowest_layers():
    """Data of any range come out of a linear decoder; codes out of a sigmoid one."""
    network = small_SdA(reconstruction_cost="squared-error")
    train_set_x, _, x, _ = shared_part()
    x = 20 * x - 7
    train_set_x.set_value(x)
    rows = x[:BATCH]
    W, b, b_prime = values(network.dA_layers[0].params)
    code = sigmoid(rows @ W + b)
    upper = values(network.dA_layers[1].params)
    lower_fn, upper_fn = network.pretraining_functions(train_set_x, batch_size=BATCH)

    upper_cost = numpy_pretraining_step(code, *upper, 0.3)
    np.testing.assert_allclose(upper_fn(index=0, corruption=0, lr=0.3), upper_cost, rtol=1e-10)

    z = code @ W.T + b_prime
    cost = np.mean(np.sum((rows - z) ** 2, axis=1))
    dz = 2 * (z - rows) / BATCH
    np.testing.assert_allclose(lower_fn(index=0, corruption=0, lr=1e-3), cost, rtol=1e-10)
    np.testing.assert_allclose(
        network.dA_layers[0].b_prime.get_value(), b_prime - 1e-3 * dz.sum(axis=0), rtol=1e-10
    )


def test_each_layer_has_the_kind_of_noise():
    """A function of one's own tells what it was given, and at what level."""
    network = small_SdA(corruption=lambda input, theano_rng, level: input + level)
    train_set_x, _, x, _ = shared_part()
    fns = network.pretraining_functions(train_set_x, batch_size=BATCH)
    for i, layer in enumerate(network.dA_layers):
        rows = x[:BATCH]
        for below in network.dA_layers[:i]:
            W, b, _ = values(below.params)
            rows = sigmoid(rows @ W + b)
        W, b, b_prime = values(layer.params)
        z = sigmoid(sigmoid((rows + 2.5) @ W + b) @ W.T + b_prime)
        cost = np.mean(-np.sum(rows * np.log(z) + (1 - rows) * np.log(1 - z), axis=1))
        # 2.5 is no probability, but this noise is none that has to be.
        np.testing.assert_allclose(fns[i](index=0, corruption=2.5, lr=0.1), cost, rtol=1e-10)


def test_levels_of_gaussian_noise_are_deviations():
    network = small_SdA(corruption="gaussian", corruption_levels=[2, 0.5])
    assert network.corruption_levels == [2, 0.5]


def pretrained(encode_once, corruption):
    """Pre-train both layers; return the costs and the parameters."""
    network = small_SdA()
    functions = network.pretraining_functions(shared_part()[0], BATCH, encode_once)
    costs = []
    for pretrain in functions:
        costs += [float(pretrain(index, corruption, 0.3)) for _ in range(3) for index in range(6)]
    return costs, values(all_parameters(network))


@pytest.mark.parametrize("corruption", [0, 0.3])
def test_codes_worked_out_once_give_the_same_run(corruption):
    """With corruption as well: each layer's noise has a generator of its own."""
    costs, parameters = pretrained(True, corruption)
    other_costs, other_parameters = pretrained(False, corruption)
    np.testing.assert_allclose(costs, other_costs, rtol=1e-9)
    for one, other in zip(parameters, other_parameters, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-7, atol=1e-10)


def test_codes_follow_a_layer_below_that_is_trained_again():
    """In whatever order the layers are trained, each step sees what those below make of it now."""
    costs = []
    for encode_once in (True, False):
        functions = small_SdA().pretraining_functions(shared_part()[0], BATCH, encode_once)
        order = (1, 0, 1, 1, 0, 0, 1)
        costs.append([float(functions[layer](2, 0.2, 0.3)) for layer in order])
    np.testing.assert_allclose(*costs, rtol=1e-9)


def test_pretraining_leaves_the_other_layers_alone():
    network = small_SdA()
    functions = network.pretraining_functions(shared_part()[0], BATCH)
    before = values(all_parameters(network))
    functions[1](0)
    changed = [
        not np.array_equal(one, other)
        for one, other in zip(before, values(all_parameters(network)), strict=True)
    ]
    assert changed == [False, False, True, True, False, False, False, True]


def test_defaults_of_the_pretraining_functions():
    """Corruption 0.2 and a rate of 0.1, as in the tutorial."""
    outcomes = []
    for arguments in ({}, {"corruption": 0.2, "lr": 0.1}, {"corruption": 0.3}, {"lr": 0.2}):
        network = small_SdA()
        pretrain = network.pretraining_functions(shared_part()[0], BATCH)[0]
        pretrain(index=0, **arguments)
        outcomes.append(network.dA_layers[0].W.get_value())
    np.testing.assert_array_equal(outcomes[0], outcomes[1])
    assert not np.array_equal(outcomes[0], outcomes[2])
    assert not np.array_equal(outcomes[0], outcomes[3])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"corruption": 1.5}, r"corruption must be in \[0, 1\], got 1.5"),
        ({"lr": -1}, "lr must be finite and at least 0, got -1"),
    ],
)
def test_wrong_levels_and_rates_are_named(arguments, message):
    pretrain = small_SdA().pretraining_functions(shared_part()[0], BATCH)[0]
    with pytest.raises(ValueError, match=message):
        pretrain(index=0, **arguments)


@pytest.mark.parametrize(
    ("rows", "batch_size", "error", "message"),
    [
        (pytensor.shared(np.zeros((9, 8))), 2, ValueError, r"shape \(any, 7\), got \(9, 8\)"),
        (np.zeros((9, 7)), 2, TypeError, "train_set_x must be .* wrap it"),
        (pytensor.shared(np.zeros((9, 7))), 10, ValueError, r"9 example\(s\), fewer than one"),
        (pytensor.shared(np.zeros((9, 7))), 0, ValueError, "batch_size must be at least 1, got 0"),
        (pytensor.shared(np.zeros((9, 7))), 2.0, TypeError, "batch_size must be an integer"),
        ([pytensor.shared(np.zeros((9, 7)))], 2, TypeError, "train_set_x must be .* got list"),
        (pt.dmatrix(), 2, TypeError, "must be a shared variable"),
    ],
)
def test_wrong_training_sets_are_named(rows, batch_size, error, message):
    with pytest.raises(error, match=message):
        small_SdA().pretraining_functions(rows, batch_size)


@pytest.mark.parametrize("encode_once", [True, False])
def test_each_step_is_one_op(encode_once):
    """The layers below in the graph, or codes in their place: the fused step is found."""
    with pytensor.config.change_flags(floatX="float32"):
        network = small_SdA()
        train_set_x = shared_part()[0]
        for pretrain in network.pretraining_functions(train_set_x, BATCH, encode_once):
            ops = [node.op for node in pretrain.function.maker.fgraph.toposort()]
            assert sum(isinstance(op, DenoisingStep) for op in ops) == 1


# ---- fine-tuning


def test_cost_and_steps_are_those_of_numpy():
    network = small_SdA()
    parts = datasets()
    train_fn, _, _ = network.build_finetune_functions(parts, BATCH, learning_rate=0.4)
    x, y = parts[0][0].get_value(), parts[0][1].eval()
    expected = values(network.params)
    for batch in (0, 1, 5, 0):
        rows = slice(batch * BATCH, (batch + 1) * BATCH)
        wanted_cost, expected = numpy_finetuning_step(x[rows], y[rows], expected, 0.4)
        np.testing.assert_allclose(train_fn(batch), wanted_cost, rtol=1e-10)
        for got, wanted in zip(values(network.params), expected, strict=True):
            np.testing.assert_allclose(got, wanted, rtol=1e-8, atol=1e-11)


def test_fine_tuning_leaves_the_visible_biases_alone():
    network = small_SdA()
    before = [layer.b_prime.get_value() for layer in network.dA_layers]
    network.build_finetune_functions(datasets(), BATCH, 0.4)[0](0)
    for layer, b_prime in zip(network.dA_layers, before, strict=True):
        np.testing.assert_array_equal(layer.b_prime.get_value(), b_prime)


def test_scores_are_the_errors_of_each_minibatch():
    network = small_SdA()
    parts = datasets()
    _, *scores = network.build_finetune_functions(parts, BATCH, 0.1)
    for score, (set_x, set_y), n_batches in zip(scores, parts[1:], (2, 3), strict=True):
        _, p = numpy_forward(set_x.get_value(), values(network.params))
        wrong = (p.argmax(axis=1) != set_y.eval()).reshape(n_batches, BATCH)
        got = score()
        assert isinstance(got, list)
        np.testing.assert_allclose(got, wrong.mean(axis=1))


def test_labels_that_become_wrong_later_are_no_numbers_of_memory():
    network, parts = small_SdA(), datasets()
    rows, _ = parts[0]
    labels = pytensor.shared(np.zeros(N_EXAMPLES))
    parts[0] = rows, pt.cast(labels, "int32")
    train, _, _ = network.build_finetune_functions(parts, BATCH, 0.1)
    train(0)
    before = values(network.params)
    labels.set_value(np.full(N_EXAMPLES, float(N_OUTS)))
    with pytest.raises(IndexError, match=f"there is no class {N_OUTS}: the labels of {N_OUTS} cl"):
        train(0)
    for old, new in zip(before, values(network.params), strict=True):
        np.testing.assert_array_equal(new, old)


def test_the_rate_can_be_a_shared_variable():
    network = small_SdA()
    rate = pytensor.shared(np.float64(0))
    train_fn, _, _ = network.build_finetune_functions(datasets(), BATCH, rate)
    before = values(network.params)
    train_fn(0)
    for one, other in zip(before, values(network.params), strict=True):
        np.testing.assert_array_equal(one, other)
    rate.set_value(0.1)
    train_fn(0)
    assert not np.array_equal(before[0], network.params[0].get_value())


@pytest.mark.parametrize("corruption", ["masking", "salt-and-pepper"])
def test_corruption_in_fine_tuning(corruption):
    """Everything zeroed, the first layer's weights are of no use; scores see clean images.

    It is zeroed whatever the dAs' noise is.
    """
    parts = datasets()
    network = small_SdA(corruption=corruption)
    train_fn, valid_score, _ = network.build_finetune_functions(parts, BATCH, 0.4, 1.0)
    params = values(network.params)
    clean = valid_score()
    cost, expected = numpy_finetuning_step(
        np.zeros((BATCH, N_INS)), parts[0][1].eval()[:BATCH], params, 0.4
    )
    np.testing.assert_allclose(train_fn(0), cost, rtol=1e-10)
    for got, wanted in zip(values(network.params), expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-8, atol=1e-11)
    for parameter, value in zip(network.params, params, strict=True):
        parameter.set_value(value)
    assert clean == valid_score() == network_scores(network, parts[1])

    noisy, _, _ = network.build_finetune_functions(parts, BATCH, 0.0, 0.5)
    assert len({float(noisy(0)) for _ in range(10)}) > 5


def test_dropout_in_fine_tuning():
    """The score of the first class counts the units that are kept, at twice their value."""
    n_hidden, dropout = 40, 0.5
    network = SdA(np.random.RandomState(1), n_ins=N_INS, hidden_layers_sizes=[n_hidden], n_outs=2)
    W, _, top, _ = network.params
    W.set_value(np.zeros((N_INS, n_hidden)))  # so that every unit is at 1/2
    weight = 0.1
    top.set_value(np.repeat([[weight, 0.0]], n_hidden, axis=0))
    parts = [shared_part(labels=np.zeros(N_EXAMPLES, dtype="int32"))[:2] for _ in range(3)]
    train_fn, valid_score, _ = network.build_finetune_functions(parts, 1, 0.0, dropout=dropout)

    costs = np.array([float(train_fn(0)) for _ in range(200)])
    kept = -np.log(np.expm1(costs)) / weight * (1 - dropout) / 0.5
    np.testing.assert_allclose(kept, np.round(kept), atol=1e-9)
    deviation = np.sqrt(n_hidden * dropout * (1 - dropout))
    assert abs(kept.mean() - n_hidden * (1 - dropout)) < 4 * deviation / np.sqrt(len(kept))
    assert 0.7 * deviation < kept.std() < 1.4 * deviation
    assert valid_score() == [0.0] * N_EXAMPLES

    without, _, _ = network.build_finetune_functions(parts, 1, 0.0)
    np.testing.assert_allclose(without(0), np.log1p(np.exp(-weight * 0.5 * n_hidden)), rtol=1e-10)


@pytest.mark.parametrize("dropout", [1.0, -0.1, 2])
def test_wrong_dropout_is_named(dropout):
    with pytest.raises(ValueError, match="dropout must be"):
        small_SdA().build_finetune_functions(datasets(), BATCH, 0.1, dropout=dropout)


def network_scores(network, part):
    wrong = network.predict(part[0].get_value()) != part[1].eval()
    return [float(batch.mean()) for batch in wrong.reshape(-1, BATCH)]


def test_pretraining_and_fine_tuning_learn():
    """Three kinds of pictures, each of noise around a pattern: no error after a few epochs."""
    rng = np.random.default_rng(5)
    patterns = rng.random((N_OUTS, N_INS)) > 0.5
    patterns[:, :N_OUTS] = np.eye(N_OUTS, dtype=bool)

    def part(n):
        y = rng.integers(0, N_OUTS, n)
        x = np.clip(patterns[y] * 0.8 + rng.random((n, N_INS)) * 0.2, 0, 1)
        return pytensor.shared(x), pt.cast(pytensor.shared(y.astype("float64")), "int32")

    parts = [part(120), part(40), part(40)]
    network = SdA(np.random.RandomState(1), None, N_INS, (12, 8), N_OUTS)
    for pretrain in network.pretraining_functions(parts[0][0], 10):
        costs = [
            np.mean([pretrain(index=i, corruption=0.1, lr=0.2) for i in range(12)])
            for _ in range(8)
        ]
        assert costs[-1] < costs[0]
    train_fn, valid_score, test_score = network.build_finetune_functions(parts, 10, 1.0)
    assert np.mean(valid_score()) > 0.3
    for _ in range(30):
        for i in range(12):
            train_fn(i)
    assert np.mean(valid_score()) == np.mean(test_score()) == 0
    np.testing.assert_array_equal(network.predict(parts[2][0].get_value()), parts[2][1].eval())


@pytest.mark.parametrize(
    ("place", "part", "message"),
    [
        (0, {"labels": [0, 1, 3, 0]}, r"training set's labels must be in \[0, 2\] .* got 3"),
        (2, {"labels": [0, -1, 2, 0]}, r"test set's labels must be in \[0, 2\] .* got -1"),
        (1, {"n_ins": 8}, r"validation set's images must have shape \(any, 7\), got \(24, 8\)"),
        (1, {"n_examples": 3}, r"validation set has 3 example\(s\), fewer than one minibatch of 4"),
        (0, {"labels": [0, 1]}, "training set has 4 examples but 2 labels"),
    ],
)
def test_wrong_data_sets_are_named(place, part, message):
    parts = datasets()
    if "labels" in part:
        part = {"n_examples": 4} | part
    parts[place] = shared_part(**part)[:2]
    with pytest.raises(ValueError, match=message):
        small_SdA().build_finetune_functions(parts, BATCH, 0.1)


def test_wrong_kinds_are_named():
    network, parts = small_SdA(), datasets()
    as_floats = [(parts[0][0], pytensor.shared(np.zeros(N_EXAMPLES))), *parts[1:]]
    with pytest.raises(TypeError, match="training set's labels must be integers"):
        network.build_finetune_functions(as_floats, BATCH, 0.1)
    with pytest.raises(ValueError, match="datasets must be training, validation and test, got 2"):
        network.build_finetune_functions(parts[:2], BATCH, 0.1)
    with pytest.raises(ValueError, match=r"learning_rate must be .* got -1"):
        network.build_finetune_functions(parts, BATCH, -1)
    with pytest.raises(ValueError, match=r"corruption_level must be in \[0, 1\], got 2"):
        network.build_finetune_functions(parts, BATCH, 0.1, 2)
    with pytest.raises(TypeError, match="batch_size must be an integer, got '4'"):
        network.build_finetune_functions(parts, "4", 0.1)


# ---- a trained network on NumPy arrays


@pytest.mark.parametrize("n", [0, 1, 1000, 2001])
def test_predictions_of_any_number_of_rows(n):
    network = small_SdA()
    x = np.random.default_rng(2).random((n, N_INS))
    codes, p = numpy_forward(x, values(network.params))
    np.testing.assert_allclose(network.predict_proba(x), p, rtol=1e-10)
    np.testing.assert_array_equal(network.predict(x), p.argmax(axis=1))
    np.testing.assert_allclose(network.transform(x), codes[-1], rtol=1e-10)
    np.testing.assert_allclose(network.encode(1, codes[1]), codes[2], rtol=1e-10)
    assert network.predict_proba(x).shape == (n, N_OUTS)


def test_a_prediction_compiles_once(monkeypatch):
    network = small_SdA()
    x = np.random.default_rng(2).random((3, N_INS))
    first = network.predict(x)

    def refuse(*_, **__):
        raise AssertionError("compiled again")

    monkeypatch.setattr("pytensor.compile.maker.FunctionMaker.__init__", refuse)
    np.testing.assert_array_equal(network.predict(x), first)


@pytest.mark.parametrize(("dtype", "levels"), [("uint8", 256), ("uint16", 65536)])
def test_the_same_pixels_are_scaled_as_load_data_does_it(dtype, levels, tmp_path):
    pixels = np.random.default_rng(3).integers(0, levels, (9, N_INS)).astype(dtype)
    np.savez(tmp_path / "pixels.npz", x_train=pixels[:6], x_test=pixels[6:])
    read = load_data(tmp_path / "pixels.npz")[2][0].get_value()
    np.testing.assert_array_equal(read, pixels[6:] / levels)
    network = small_SdA()
    for method in (network.predict, network.predict_proba, network.transform):
        np.testing.assert_allclose(method(pixels[6:]), method(read), rtol=1e-12)
    np.testing.assert_allclose(network.encode(0, pixels[6:]), network.encode(0, read), rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float64", "int64"])
def test_pixels_that_are_no_bytes_are_warned_of(dtype):
    X = np.full((2, N_INS), 255, dtype=dtype)
    with pytest.warns(UserWarning, match=r"from 255 to 255, but the network is for .* \[0, 1\]"):
        small_SdA().predict_proba(X)
    small_SdA(reconstruction_cost="squared-error").predict_proba(X)
    small_SdA().predict_proba(X / 255 + 1e-7)  # what rounding does is no other range


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_rows_that_are_not_finite(value):
    X = np.full((2, N_INS), 0.5)
    X[1, 3] = value
    for method in (small_SdA().predict, small_SdA().transform):
        with pytest.raises(ValueError, match="X holds " + ("NaN" if value != value else "inf")):
            method(X)


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "bool"])
def test_results_are_in_floatX(dtype):
    with pytensor.config.change_flags(floatX="float32"):
        network = small_SdA()
        rows = np.ones((2, N_INS), dtype=dtype)
        assert network.predict_proba(rows).dtype == "float32"
        assert network.transform(rows).dtype == "float32"


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (np.zeros(7), ValueError, r"X must have shape \(any, 7\), got \(7,\)"),
        (np.zeros((2, 8)), ValueError, r"X must have shape \(any, 7\), got \(2, 8\)"),
        (np.full((2, 7), "a"), TypeError, "X must be an array of numbers, got <U1"),
    ],
)
def test_wrong_rows_are_named(X, error, message):
    network = small_SdA()
    for method in (network.predict, network.predict_proba, network.transform):
        with pytest.raises(error, match=message):
            method(X)


@pytest.mark.parametrize(
    ("layer", "error"), [(2, ValueError), (-1, ValueError), (0.5, TypeError), (True, TypeError)]
)
def test_wrong_layers_are_named(layer, error):
    with pytest.raises(error, match="layer must be"):
        small_SdA().encode(layer, np.zeros((2, N_INS)))


# ---- float32


def test_float32_stays_float32():
    """No float64 at any node that is run, in pre-training and in fine-tuning."""
    with pytensor.config.change_flags(floatX="float32"):
        network = small_SdA()
        parts = datasets()
        functions = [
            *(f.function for f in network.pretraining_functions(parts[0][0], BATCH)),
            network.build_finetune_functions(parts, BATCH, np.float64(0.1))[0],
        ]
        # The labels come as floats, whole and cast, as `load_data` keeps them: in floatX there.
        for function in functions:
            dtypes = {
                str(output.dtype)
                for node in function.maker.fgraph.toposort()
                for output in node.outputs
                if getattr(output, "ndim", 0) == 2 and hasattr(output, "dtype")
            }
            assert "float32" in dtypes
            assert "float64" not in dtypes


def test_saturated_scores_give_finite_costs():
    with pytensor.config.change_flags(floatX="float32"):
        network = small_SdA()
        network.logLayer.b.set_value(np.array([500, -500, 0], dtype="float32"))
        parts = [shared_part(4, labels=[1, 1, 1, 1])[:2], *datasets()[1:]]
        train_fn, _, _ = network.build_finetune_functions(parts, BATCH, 0.1)
        np.testing.assert_allclose(train_fn(0), 1000, rtol=0.01)
        assert all(np.isfinite(value).all() for value in values(network.params))


def test_the_noise_comes_from_the_given_stream():
    rows = shared_part()[0]
    costs = []
    for seed in (1, 1, 2):
        network = SdA(np.random.RandomState(0), RandomStreams(seed), N_INS, SIZES, N_OUTS)
        costs.append(float(network.pretraining_functions(rows, BATCH)[0](0, 0.5, 0.1)))
    assert costs[0] == costs[1] != costs[2]
