"""Make the companion's playground: two small dAs, trained on the built-in digits for a few seconds.

From the top of a clone::

    python docs/make_playground.py FOLDER

writes FOLDER/playground.html. `make docs` does so. A run of ``dA.py`` writes one of its own, with
the dAs that it has trained.
"""

import sys
from pathlib import Path

import numpy as np
import pytensor
import pytensor.tensor as pt

from deeptutorial import dA, load_data
from deeptutorial.datasets import label_values
from deeptutorial.playground import write_playground

BATCH_SIZE, EPOCHS, N_HIDDEN = 20, 3, 200
LEVELS = {"no corruption": 0.0, "30 % masked": 0.3}


def trained(corruption_level: float, set_x) -> dA:
    """Return a dA of the built-in digits."""
    da = dA(np.random.RandomState(123), n_visible=28 * 28, n_hidden=N_HIDDEN)
    cost, updates = da.get_cost_updates(corruption_level, learning_rate=0.1)
    index = pt.lscalar()
    batch = set_x[index * BATCH_SIZE : (index + 1) * BATCH_SIZE]
    train = pytensor.function([index], cost, updates=updates, givens={da.x: batch})
    for _ in range(EPOCHS):
        for i in range(set_x.get_value(borrow=True).shape[0] // BATCH_SIZE):
            train(i)
    return da


if __name__ == "__main__":
    pytensor.config.floatX = "float32"
    (train_x, _), _, (test_x, test_y) = load_data("digits")
    labels = label_values(test_y)
    of_each = [int(np.argmax(labels == digit)) for digit in range(10)]
    dAs = {name: trained(level, train_x) for name, level in LEVELS.items()}
    X = test_x.get_value(borrow=True)[of_each]
    print(write_playground(Path(sys.argv[1]), dAs, X, [str(d) for d in range(10)], (28, 28)))
