"""Denoising autoencoders (dA): the tutorial's section "Putting it All Together".

For each corruption level, first none and then 30 %, a dA is built and trained on the images of
MNIST by stochastic gradient descent, and what its hidden units look for is saved as a picture.

The class itself is in `deeptutorial/models/da.py`; `python dA.py --help` lists the options.
"""

import os
import sys
import timeit

import numpy
import pytensor
import pytensor.tensor as T
from PIL import Image

from deeptutorial import RandomStreams, dA, load_data, tile_raster_images
from deeptutorial.cli import dA_options, run_script
from deeptutorial.images import split_channels
from deeptutorial.report import write_dA_report
from deeptutorial.training import Run, count_minibatches

__all__ = ['dA', 'test_dA']


def test_dA(
    learning_rate=0.1,
    training_epochs=15,
    dataset='mnist.pkl.gz',
    batch_size=20,
    output_folder='dA_plots',
    n_hidden=500,
    corruption_levels=(0.0, 0.3),
    corruption='masking',
    seed=123,
    resume=False,
    checkpoint_every=30.,
):
    """Train a dA for each corruption level, and save its filters and itself.

    Parameters
    ----------
    learning_rate : float
        Step size of the gradient descent.
    training_epochs : int
        How many times to go through the training set.
    dataset : str
        A file, a folder or a name, as `load_data` takes it.
    batch_size : int
        Examples in a minibatch.
    output_folder : str
        Where the pictures and the models go; made if there is none.
    n_hidden : int
        Hidden units.
    corruption_levels : sequence of float
        The part of the pixels that is set to zero, for each dA to be trained.
    corruption : str
        The kind of noise, where it is another one: 'salt-and-pepper' sets that part to zero or
        one; 'gaussian' adds normal noise, and the levels are its standard deviations.
    seed : int
        Of the initial weights and the noise; each dA starts from the same.
    resume : bool
        Go on with a run that was interrupted, from the last checkpoint in the output folder.
    checkpoint_every : float
        Seconds between two checkpoints within an epoch; there is one after each epoch too.
    """
    settings = dict(locals())

    datasets = load_data(dataset)
    train_set_x, train_set_y = datasets[0]
    image_shape = train_set_x.tag.image_shape

    n_train_batches = count_minibatches(train_set_x, batch_size)
    run = Run(output_folder, settings, datasets, resume, checkpoint_every)

    # The symbolic variables of the data: which minibatch, and the images in it, one a row.
    index = T.lscalar('index')
    x = T.matrix('x')

    trained, costs, seconds = {}, {}, {}  # by corruption level

    for corruption_level in corruption_levels:

        # ---- building the model

        rng = numpy.random.RandomState(seed)
        theano_rng = RandomStreams(rng.randint(2 ** 30))

        da = dA(
            numpy_rng=rng,
            theano_rng=theano_rng,
            input=x,
            n_visible=numpy.prod(image_shape),
            n_hidden=n_hidden,
            corruption=corruption,
        )
        da.image_shape = image_shape

        cost, updates = da.get_cost_updates(
            corruption_level=corruption_level,
            learning_rate=learning_rate,
        )

        # x stands for rows of the training set, so that only their index is passed at each call.
        train_da = pytensor.function(
            [index],
            cost,
            updates=updates,
            givens={
                x: train_set_x[index * batch_size: (index + 1) * batch_size],
            },
        )

        # ---- training

        filters_png = os.path.join(
            output_folder, 'filters_corruption_%g.png' % (corruption_level * 100))
        costs[corruption_level] = []
        training = run.stage('corruption %g' % corruption_level, train_da, learning_rate,
                             costs=costs[corruption_level])
        start_time = timeit.default_timer() - training.earlier_seconds

        try:
            for epoch in training.epochs(training_epochs):
                c = []
                for batch_index in training.minibatches(n_train_batches, c):
                    c.append(train_da(batch_index))

                costs[corruption_level].append(training.mean_cost(c))
                print('Training epoch %d, cost ' % epoch, costs[corruption_level][-1], flush=True)
        except KeyboardInterrupt:
            save_filters(da, image_shape, filters_png)
            print('Interrupted; the filters so far are in %s; go on with --resume' % filters_png,
                  file=sys.stderr)
            raise

        training_time = timeit.default_timer() - start_time

        code = 'no corruption' if corruption_level == 0 else '%g%% corruption' % (
            corruption_level * 100)
        print('The %s code for file %s ran for %.2fm' % (
            code, os.path.split(__file__)[1], training_time / 60.), file=sys.stderr)

        # ---- looking at what was learned

        save_filters(da, image_shape, filters_png)
        da.save(os.path.join(output_folder, 'dA_corruption_%g.npz' % (corruption_level * 100)))
        trained[corruption_level], seconds[corruption_level] = da, training_time

    write_dA_report(output_folder, trained, datasets, costs, seconds, settings)

    run.finish()


def save_filters(da, image_shape, path):
    """Save the weights of the first hundred hidden units as a picture of 10 by 10 tiles.

    A tile shows the input that excites its unit most, up to scale: each is stretched to the whole
    range from black to white by itself, and the biases are left out.
    """
    image = Image.fromarray(tile_raster_images(
        X=split_channels(da.W.get_value(borrow=True).T, image_shape),
        img_shape=image_shape[:2], tile_shape=(10, 10),
        tile_spacing=(1, 1)))
    image.save(path)


if __name__ == '__main__':
    sys.exit(run_script(test_dA, dA_options()))
