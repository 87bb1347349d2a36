"""Train a small dA and a small SdA on JAX, and save the costs and parameters, for other tests.

python -m tests.compile.trained_on_devices DEVICE FILE.npz [COORDINATOR N_PROCESSES PROCESS]
"""

import sys
import tempfile

import numpy as np
import pytensor
import pytensor.tensor as pt

import deeptutorial
from deeptutorial import RandomStreams, SdA, dA
from deeptutorial.archives import read_npy_place
from deeptutorial.mapped_files import map_array

BATCH_SIZE = 12
N_MINIBATCHES = 20
N_EPOCHS = 10


def rows_with_labels(n):
    """Return rows that have some structure: noisy copies of five patterns, mostly zeros."""
    rng = np.random.default_rng(7)
    labels = np.arange(n) % 5
    patterns = rng.random((5, 36)) < 0.3
    rows = np.where(rng.random((n, 36)) < 0.1, rng.random((n, 36)), patterns[labels])
    return rows.astype("float32"), labels.astype("float32")


def shared_part(n):
    rows, labels = map(pytensor.shared, rows_with_labels(n))
    return rows, pt.cast(labels, "int32")


def in_a_file(rows):
    """Return rows as a map of a file without a name, which is there as long as they are."""
    with tempfile.TemporaryFile() as file:
        np.save(file, rows)
        file.seek(0)
        return map_array(file, *read_npy_place(file))


def train_dA(corruption="masking", is_in_file=False):
    set_x, _ = shared_part(N_MINIBATCHES * BATCH_SIZE + 5)
    if is_in_file:
        set_x.set_value(in_a_file(set_x.get_value()), borrow=True)
    index, x = pt.lscalar("index"), pt.matrix("x")
    rng = np.random.RandomState(123)
    da = dA(
        rng, RandomStreams(rng.randint(2**30)), x, n_visible=36, n_hidden=20, corruption=corruption
    )
    cost, updates = da.get_cost_updates(corruption_level=0.3, learning_rate=0.3)
    batch = set_x[index * BATCH_SIZE : (index + 1) * BATCH_SIZE]
    train_da = pytensor.function([index], cost, updates=updates, givens={x: batch})
    costs = [train_da(i) for _ in range(N_EPOCHS) for i in range(N_MINIBATCHES)]
    costs.append(train_da(N_MINIBATCHES))  # the five that are left over, which nobody divides
    costs.append(train_da(3))
    return {
        "costs": np.array(costs, "float64"),
        "W": da.W.get_value(),
        "b": da.b.get_value(),
        "rows as they were": set_x.get_value(),
        **({} if is_in_file else {"a device's share": share_of_a_device(set_x)}),
    }


def share_of_a_device(rows):
    """Return the shape of the part of a training set that lies on one device."""
    kept = rows.container.storage[0]  # beyond `get_value`, which is NumPy's again
    array = kept.placed(BATCH_SIZE, None) if hasattr(kept, "placed") else kept
    return np.array(array.addressable_shards[0].data.shape)


def train_SdA():
    network = SdA(np.random.RandomState(5), None, 36, [20, 15], n_outs=5)
    datasets = [shared_part(n * BATCH_SIZE) for n in (N_MINIBATCHES, 5, 4)]
    costs = []
    for encode_once in (False, True):
        fns = network.pretraining_functions(datasets[0][0], BATCH_SIZE, encode_once)
        for pretrain in fns:
            costs += [pretrain(i, 0.2, 0.1) for _ in range(2) for i in range(N_MINIBATCHES)]
    rate = pytensor.shared(np.asarray(0.5, dtype="float32"))
    train_fn, valid_score, test_score = network.build_finetune_functions(
        datasets, BATCH_SIZE, rate, corruption_level=0.1, dropout=0.2
    )
    for _ in range(N_EPOCHS):
        costs += [train_fn(i) for i in range(N_MINIBATCHES)]
        rate.set_value((rate.get_value() * 0.9).astype("float32"))
    return {
        "costs": np.array(costs, "float64"),
        "scores": np.array(valid_score() + test_score()),
        "probabilities": network.predict_proba(rows_with_labels(7)[0]),
        **{str(i): param.get_value() for i, param in enumerate(network.params)},
    }


def train_all():
    found = {
        "dA": train_dA("gaussian"),
        "dA on a file": train_dA("gaussian", is_in_file=True),
        "SdA": train_SdA(),
    }
    return {
        f"{model}: {name}": value
        for model, values in found.items()
        for name, value in values.items()
    }


def main(device, path, coordinator=None, n_processes=None, process=None):
    pytensor.config.floatX = "float32"
    if coordinator is not None:
        import jax

        jax.distributed.initialize(coordinator, int(n_processes), int(process))
    print(deeptutorial.use("jax", device))
    np.savez(path, **train_all())


if __name__ == "__main__":
    main(*sys.argv[1:])
