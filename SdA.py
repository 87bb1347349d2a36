"""Stacked denoising autoencoders (SdA): the tutorial's section "Putting it All Together".

A network of three hidden layers learns to tell the digits of MNIST apart, in three acts. It is
built; each layer is trained as a denoising autoencoder, without labels, the lowest first; then the
whole network is fine-tuned on the labels, until the error on the validation set does not get better
any more.

The classes are in `deeptutorial/models/`; `python SdA.py --help` lists the options.
"""

import os
import sys

from deeptutorial import SdA, load_data  # sees to Ctrl-C

import numpy
import pytensor

from dA import save_filters
from deeptutorial.commands.script_options import SdA_options
from deeptutorial.commands.status import run_script
from deeptutorial.datasets import PART_NAMES, count_classes, count_minibatches, label_values
from deeptutorial.files import save_png
from deeptutorial.report import draw_learning_curve, draw_mistakes, write_SdA_report
from deeptutorial.report.measure import AT_MOST
from deeptutorial.training import Best, Curves, EarlyStopping, Run, print_line


def test_SdA(finetune_lr=0.1, pretraining_epochs=15, pretrain_lr=0.001, training_epochs=1000,
             dataset='mnist.pkl.gz', batch_size=1, output_folder='SdA_plots',
             hidden_layers_sizes=(1000, 1000, 1000), corruption_levels=(0.1, 0.2, 0.3),
             corruption='masking', reconstruction_cost='cross-entropy',
             finetune_batch_size=None, finetune_lr_decay=1.0, finetune_corruption_level=0.0,
             finetune_dropout=0.0, patience_epochs=10, encode_once=True, seed=89677, resume=False,
             checkpoint_every=30., frames=0, **reading):
    """Train a stacked denoising autoencoder, and save it, with pictures of what it learned.

    Parameters
    ----------
    finetune_lr, pretrain_lr : float
        Step sizes of the gradient descent in fine-tuning and in pre-training.
    pretraining_epochs : int
        How many times each layer goes through the training set.
    training_epochs : int
        How many times fine-tuning goes through it at most.
    dataset : str
        A file, a folder or a name, as `load_data` takes it.
    batch_size : int
        Examples in a minibatch.
    output_folder : str
        Where the pictures and the model go; made if there is none.
    hidden_layers_sizes : sequence of int
        Units of each hidden layer, the lowest first.
    corruption_levels : sequence of float
        The part of its input that each layer loses in pre-training.
    corruption : str
        The kind of noise in pre-training, where it is another one: 'salt-and-pepper' sets that part
        to zero or one; 'gaussian' adds normal noise, and the levels are its standard deviations.
    reconstruction_cost : str
        Of the first layer: 'squared-error' is for data that are not in [0, 1].
    finetune_batch_size : int, optional
        Examples in a minibatch of fine-tuning, where it is not `batch_size`.
    finetune_lr_decay : float
        What `finetune_lr` is multiplied by after each epoch.
    finetune_corruption_level : float
        The part of the pixels that are set to zero in fine-tuning.
    finetune_dropout : float
        The part of each layer's code that is set to zero in fine-tuning.
    patience_epochs : int
        Epochs of fine-tuning that are gone through in any case, before early stopping.
    encode_once : bool
        Send the training set through a layer once it is trained, instead of sending each minibatch
        through all the layers below at each step. Codes of mapped rows lie in a temporary file.
    seed : int
        Of the initial weights and the noise.
    resume : bool
        Go on with a run that was interrupted, from the last checkpoint in the output folder.
    checkpoint_every : float
        Seconds between two checkpoints within an epoch; there is one after each epoch too.
    frames : int
        Frames of a film of the first layer's filters in the report; 0 makes none.
    **reading
        How the data set is to be read, as `load_data` takes it.

    Returns
    -------
    SdA
        The network with the parameters that were best on the validation set.
    """
    datasets = load_data(dataset, any_range=reconstruction_cost == 'squared-error', **reading)
    run = Run(**locals())  # all arguments, and the data: what a resumed run has to have again

    if finetune_batch_size is None:
        finetune_batch_size = batch_size
    count_minibatches(datasets[0][0], batch_size)  # complains if there is none
    for name, part in zip(PART_NAMES, datasets, strict=True):
        count_minibatches(part[0], finetune_batch_size, name)

    sda = build(datasets, hidden_layers_sizes, corruption_levels, corruption, reconstruction_cost,
                seed)
    pretrain(sda, run, datasets, batch_size, pretraining_epochs, pretrain_lr, encode_once)
    curves = finetune(sda, run, datasets, finetune_batch_size, training_epochs, finetune_lr,
                      finetune_lr_decay, finetune_corruption_level, finetune_dropout,
                      patience_epochs)

    *pretraining, finetuning = run.stages
    write_SdA_report(
        run.folder, sda, datasets, pretraining, finetuning, curves, run.settings)
    run.finish()
    return sda


def build(datasets, hidden_layers_sizes, corruption_levels, corruption, reconstruction_cost, seed):
    """Build the network for images and labels as they are in the data set."""
    print_line('... building the model')
    train_set_x, train_set_y = datasets[0]
    sda = SdA(
        numpy_rng=numpy.random.RandomState(seed),
        n_ins=train_set_x.get_value(borrow=True).shape[1],
        hidden_layers_sizes=hidden_layers_sizes,
        n_outs=count_classes(datasets),
        corruption_levels=corruption_levels,
        corruption=corruption,
        reconstruction_cost=reconstruction_cost,
    )
    sda.image_shape = sda.dA_layers[0].image_shape = train_set_x.tag.image_shape
    sda.data = sda.dA_layers[0].data = train_set_x.tag.data
    return sda


def pretrain(sda, run, datasets, batch_size, pretraining_epochs, pretrain_lr, encode_once):
    """Train each layer as a dA, the lowest first, on what those below make of the images."""
    print_line('... getting the pretraining functions')
    train_set_x, train_set_y = datasets[0]
    n_train_batches = count_minibatches(train_set_x, batch_size)
    pretraining_fns = sda.pretraining_functions(
        train_set_x=train_set_x,
        batch_size=batch_size,
        encode_once=encode_once,
    )

    print_line('... pre-training the model')
    for i in range(sda.n_layers):
        training = run.stage('layer %i' % i, sda.dA_layers[i], pretraining_fns[i], pretrain_lr)
        training.if_interrupted(save_filters, sda.dA_layers[0], sda.image_shape,
                                os.path.join(run.folder, 'filters_layer_0.png'))

        for epoch, c in training.epochs(pretraining_epochs):
            for batch_index in training.minibatches(n_train_batches):
                c.append(pretraining_fns[i](
                    index=batch_index,
                    corruption=sda.corruption_levels[i],
                    lr=pretrain_lr,
                ))

            print_line('Pre-training layer %i, epoch %d, cost %f' % (
                i, epoch, numpy.mean(c, dtype='float64')))

    print('The pretraining code for file %s ran for %.2fm' % (
        os.path.split(__file__)[1],
        sum(training.seconds for training in run.stages) / 60.), file=sys.stderr)


def finetune(sda, run, datasets, batch_size, training_epochs, finetune_lr, finetune_lr_decay,
             finetune_corruption_level, finetune_dropout, patience_epochs):
    """Train the whole network on the labels; return the errors, and leave it at its best."""
    print_line('... getting the finetuning functions')
    n_train_batches = count_minibatches(datasets[0][0], batch_size)
    learning_rate = pytensor.shared(numpy.asarray(finetune_lr, dtype=pytensor.config.floatX))
    train_fn, validate_model, test_model = sda.build_finetune_functions(
        datasets=datasets,
        batch_size=batch_size,
        learning_rate=learning_rate,
        corruption_level=finetune_corruption_level,
        dropout=finetune_dropout,
    )

    print_line('... finetunning the model')
    patience = patience_epochs * n_train_batches  # look at this many minibatches in any case
    stopping = EarlyStopping(patience, patience_increase=2, improvement_threshold=0.995)
    # Look at the validation set after each epoch, or oftener where patience is short.
    validation_frequency = max(1, min(n_train_batches, patience // 2))
    curves = Curves('validation', 'test, at the best on validation so far')
    best = Best(sda.params, stopping, curves)

    training = run.stage('fine-tuning', sda, train_fn, learning_rate,
                         stopping=stopping, curves=curves, best=best)
    training.if_interrupted(save_best, sda, datasets[2], best, curves, run.folder,
                            what='pictures')
    done_looping = False
    for epoch, c in training.epochs(training_epochs, start=1):
        for minibatch_index in training.minibatches(n_train_batches):
            c.append(train_fn(minibatch_index))
            iter = (epoch - 1) * n_train_batches + minibatch_index

            if (iter + 1) % validation_frequency == 0:
                training.check()  # complains if the costs are not finite
                validate(sda, validate_model, test_model, stopping, curves, best,
                         iter, n_train_batches)

            if stopping.exhausted(iter):
                done_looping = True
                break

        if done_looping:
            break
        learning_rate.set_value(
            (learning_rate.get_value() * finetune_lr_decay).astype(learning_rate.dtype))

    save_best(sda, datasets[2], best, curves, run.folder)
    if best:
        print_line(
            'Optimization complete with best validation score of %f %%, on iteration %i, '
            'with test performance %f %%' % (
                stopping.best_loss * 100., stopping.best_iteration + 1, best['test score'] * 100.))
    print('The training code for file %s ran for %.2fm' % (
        os.path.split(__file__)[1], training.seconds / 60.), file=sys.stderr)
    return curves


def validate(sda, validate_model, test_model, stopping, curves, best, iter, n_train_batches):
    """Look at the validation set; where it is better than ever, keep the network and test it."""
    epoch, minibatch_index = divmod(iter, n_train_batches)
    where = (epoch + 1, minibatch_index + 1, n_train_batches)
    this_validation_loss = numpy.mean(validate_model())
    curves['validation'].append(((iter + 1) / n_train_batches, this_validation_loss * 100.))
    print_line('epoch %i, minibatch %i/%i, validation error %f %%' % (
        *where, this_validation_loss * 100.))

    if stopping.improves(this_validation_loss, iter):
        best['params'] = [param.get_value() for param in sda.params]
        best['test score'] = test_score = numpy.mean(test_model())
        curves['test, at the best on validation so far'].append(
            ((iter + 1) / n_train_batches, test_score * 100.))
        print_line('     epoch %i, minibatch %i/%i, test error of best model %f %%' % (
            *where, test_score * 100.))


def save_best(sda, test_set, best, curves, output_folder):
    """Bring the network to its best, if it was validated at all; save it, and pictures of it."""
    if best:
        for param, value in zip(sda.params, best['params'], strict=True):
            param.set_value(value, borrow=True)

        save_png(draw_learning_curve(curves, title='SdA'),
                 os.path.join(output_folder, 'learning_curve.png'))
        test_set_x, test_set_y = test_set
        test_images = test_set_x.get_value(borrow=True)[:AT_MOST]
        save_png(draw_mistakes(test_images, label_values(test_set_y)[:AT_MOST],
                               sda.predict_proba(test_images), sda.image_shape),
                 os.path.join(output_folder, 'mistakes.png'))
    save_filters(sda.dA_layers[0], sda.image_shape,
                 os.path.join(output_folder, 'filters_layer_0.png'))
    sda.save(os.path.join(output_folder, 'SdA.npz'))


if __name__ == '__main__':
    sys.exit(run_script(test_SdA, SdA_options(test_SdA)))
