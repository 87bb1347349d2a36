"""Denoising autoencoders (dA): the tutorial's section "Putting it All Together".

For each corruption level, first none and then 30 %, a dA is built and trained on the images of
MNIST by stochastic gradient descent, and what its hidden units look for is saved as a picture.

The class itself is in `deeptutorial/models/da.py`; `python dA.py --help` lists the options.
"""

import os
import sys

from deeptutorial import RandomStreams, dA, load_data, tile_raster_images  # sees to Ctrl-C

import numpy
import pytensor
import pytensor.tensor as T
from PIL import Image

from deeptutorial.commands.script_options import dA_options
from deeptutorial.commands.status import run_script
from deeptutorial.datasets import count_minibatches
from deeptutorial.files import save_png
from deeptutorial.images import is_image, split_channels
from deeptutorial.report import save_high_weights, write_dA_report
from deeptutorial.training import Run


def test_dA(learning_rate=0.1, training_epochs=15, dataset='mnist.pkl.gz', batch_size=20,
            output_folder='dA_plots', n_hidden=500, corruption_levels=(0.0, 0.3),
            corruption='masking', reconstruction_cost='cross-entropy', seed=123, resume=False,
            checkpoint_every=30., frames=0, **reading):
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
    reconstruction_cost : str
        'squared-error' is for data that are not in [0, 1]; the decoder is linear then.
    seed : int
        Of the initial weights and the noise; each dA starts from the same.
    resume : bool
        Go on with a run that was interrupted, from the last checkpoint in the output folder.
    checkpoint_every : float
        Seconds between two checkpoints within an epoch; there is one after each epoch too.
    frames : int
        Frames of a film of the filters in the report; 0 makes none.
    **reading
        How the data set is to be read, as `load_data` takes it.
    """
    datasets = load_data(dataset, any_range=reconstruction_cost == 'squared-error', **reading)
    run = Run(**locals())  # all arguments, and the data: what a resumed run has to have again

    train_set_x, train_set_y = datasets[0]
    n_train_batches = count_minibatches(train_set_x, batch_size)

    # The symbolic variables of the data: which minibatch, and the images in it, one a row.
    index = T.lscalar('index')
    x = T.matrix('x')

    for corruption_level in corruption_levels:

        # ---- building the model

        rng = numpy.random.RandomState(seed)
        theano_rng = RandomStreams(rng.randint(2 ** 30))

        da = dA(
            numpy_rng=rng,
            theano_rng=theano_rng,
            input=x,
            n_visible=train_set_x.get_value(borrow=True).shape[1],
            n_hidden=n_hidden,
            corruption=corruption,
            reconstruction_cost=reconstruction_cost,
        )
        da.image_shape = train_set_x.tag.image_shape
        da.data = train_set_x.tag.data

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

        picture = 'filters_corruption_%g.png' % (100 * corruption_level)
        training = run.stage('corruption %g' % corruption_level, da, train_da, learning_rate,
                             independent=True)
        training.if_interrupted(save_filters, da, da.image_shape, os.path.join(run.folder, picture))

        for epoch, c in training.epochs(training_epochs):
            for batch_index in training.minibatches(n_train_batches):
                c.append(train_da(batch_index))

            print('Training epoch %d, cost ' % epoch, numpy.mean(c, dtype='float64'), flush=True)

        print(('The ' + ('%g%%' % (100 * corruption_level) if corruption_level else 'no') +
               ' corruption code for file ' + os.path.split(__file__)[1] +
               ' ran for %.2fm' % (training.seconds / 60.)), file=sys.stderr)

        # ---- looking at what was learned

        save_filters(da, da.image_shape, os.path.join(run.folder, picture))
        da.save(os.path.join(run.folder, 'dA_corruption_%g.npz' % (100 * corruption_level)))

    write_dA_report(run.folder, corruption_levels, run.stages, datasets, run.settings)
    run.finish()


def save_filters(da, image_shape, path):
    """Save the weights of the first hundred hidden units as a picture of 10 by 10 tiles.

    A tile shows the input that excites its unit most, up to scale: each is stretched to the whole
    range from black to white by itself, and the biases are left out. Where the inputs are no
    pictures, it is a chart of the heaviest ones of each unit, with a table beside it.
    """
    if not is_image(image_shape):
        save_high_weights(da.W.get_value(borrow=True), da.data.columns, path)
        return
    image = Image.fromarray(tile_raster_images(
        X=split_channels(da.W.get_value(borrow=True).T, image_shape),
        img_shape=image_shape[:2], tile_shape=(10, 10),
        tile_spacing=(1, 1)))
    save_png(image, path)


if __name__ == '__main__':
    sys.exit(run_script(test_dA, dA_options(test_dA)))
