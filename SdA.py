"""Stacked denoising autoencoders (SdA): the tutorial's section "Putting it All Together".

A network of three hidden layers learns to tell the digits of MNIST apart. Each layer is first
trained as a denoising autoencoder, without labels, the lowest first; then the whole network is
fine-tuned on the labels, until the error on the validation set does not get better any more.

The classes are in `deeptutorial/models/`; `python SdA.py --help` lists the options.
"""

import os
import sys
import timeit

import numpy
import pytensor

from dA import save_filters
from deeptutorial import SdA, load_data
from deeptutorial.cli import SdA_options, run_script
from deeptutorial.datasets import count_classes, label_values
from deeptutorial.report import draw_learning_curve, draw_mistakes, write_SdA_report
from deeptutorial.training import (
    EarlyStopping, Run, count_minibatches, print_line)

__all__ = ['SdA', 'test_SdA']


def test_SdA(
    finetune_lr=0.1,
    pretraining_epochs=15,
    pretrain_lr=0.001,
    training_epochs=1000,
    dataset='mnist.pkl.gz',
    batch_size=1,
    output_folder='SdA_plots',
    hidden_layers_sizes=(1000, 1000, 1000),
    corruption_levels=(0.1, 0.2, 0.3),
    finetune_lr_decay=1.0,
    finetune_corruption=0.0,
    finetune_dropout=0.0,
    patience_epochs=10,
    encode_once=True,
    seed=89677,
    resume=False,
    checkpoint_every=30.,
):
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
    finetune_lr_decay : float
        What `finetune_lr` is multiplied by after each epoch.
    finetune_corruption : float
        The part of the pixels that are set to zero in fine-tuning.
    finetune_dropout : float
        The part of each layer's code that is set to zero in fine-tuning.
    patience_epochs : int
        Epochs of fine-tuning that are gone through in any case, before early stopping.
    encode_once : bool
        Send the training set through a layer once it is trained, instead of sending each minibatch
        through all the layers below at each step.
    seed : int
        Of the initial weights and the noise.
    resume : bool
        Go on with a run that was interrupted, from the last checkpoint in the output folder.
    checkpoint_every : float
        Seconds between two checkpoints within an epoch; there is one after each epoch too.

    Returns
    -------
    SdA
        The network with the parameters that were best on the validation set.
    """
    settings = dict(locals())
    filters_png, curve_png, mistakes_png = (os.path.join(output_folder, name) for name in (
        'filters_layer_0.png', 'learning_curve.png', 'mistakes.png'))

    datasets = load_data(dataset)
    train_set_x, train_set_y = datasets[0]
    image_shape = train_set_x.tag.image_shape

    n_train_batches = count_minibatches(train_set_x, batch_size)
    count_minibatches(datasets[1][0], batch_size, name='validation')
    count_minibatches(datasets[2][0], batch_size, name='test')
    run = Run(output_folder, settings, datasets, resume, checkpoint_every)

    # ---- building the model

    print_line('... building the model')
    sda = SdA(
        numpy_rng=numpy.random.RandomState(seed),
        n_ins=numpy.prod(image_shape),
        hidden_layers_sizes=hidden_layers_sizes,
        n_outs=count_classes(datasets),
        corruption_levels=corruption_levels,
    )
    sda.image_shape = image_shape

    # ---- pre-training, one layer after the other

    print_line('... getting the pretraining functions')
    # What each layer learns from: the images, and then the codes that the layer below makes of
    # them. The codes are filled in as soon as that layer is trained.
    layer_inputs = sda.layer_inputs(train_set_x)
    pretraining_fns = sda.pretraining_functions(
        train_set_x=layer_inputs if encode_once else train_set_x,
        batch_size=batch_size,
    )

    print_line('... pre-training the model')
    pretraining_costs = [[] for layer in sda.dA_layers]
    start_time = timeit.default_timer()
    try:
        for i in range(sda.n_layers):
            training = run.stage('layer %i' % i, pretraining_fns[i], pretrain_lr,
                                 costs=pretraining_costs[i])
            start_time -= training.earlier_seconds

            if encode_once and i > 0:
                below = layer_inputs[i - 1].get_value(borrow=True)
                layer_inputs[i].set_value(sda.encode(i - 1, below), borrow=True)

            for epoch in training.epochs(pretraining_epochs):
                c = []
                for batch_index in training.minibatches(n_train_batches, c):
                    c.append(pretraining_fns[i](
                        index=batch_index,
                        corruption=sda.corruption_levels[i],
                        lr=pretrain_lr,
                    ))

                pretraining_costs[i].append(training.mean_cost(c))
                print_line('Pre-training layer %i, epoch %d, cost %f' % (
                    i, epoch, pretraining_costs[i][-1]))
    except KeyboardInterrupt:
        save_filters(sda.dA_layers[0], image_shape, filters_png)
        print('Interrupted; the filters so far are in %s; go on with --resume' % filters_png,
              file=sys.stderr)
        raise

    pretraining_time = timeit.default_timer() - start_time
    print('The pretraining code for file %s ran for %.2fm' % (
        os.path.split(__file__)[1], pretraining_time / 60.), file=sys.stderr)
    del pretraining_fns, layer_inputs  # the codes are large

    # ---- fine-tuning all layers together

    print_line('... getting the finetuning functions')
    learning_rate = pytensor.shared(numpy.asarray(finetune_lr, dtype=pytensor.config.floatX))
    train_fn, validate_model, test_model = sda.build_finetune_functions(
        datasets=datasets,
        batch_size=batch_size,
        learning_rate=learning_rate,
        corruption_level=finetune_corruption,
        dropout=finetune_dropout,
    )

    print_line('... finetunning the model')
    patience = patience_epochs * n_train_batches  # look at this many minibatches in any case
    stopping = EarlyStopping(patience, patience_increase=2, improvement_threshold=0.995)
    # Look at the validation set after each epoch, or oftener where patience is short.
    validation_frequency = max(1, min(n_train_batches, patience // 2))

    curves = {'validation': [], 'test, at the best on validation so far': []}

    best = {}

    training = run.stage(
        'fine-tuning', train_fn, learning_rate, stopping=stopping, curves=curves, best=best)
    interrupted = None
    start_time = timeit.default_timer() - training.earlier_seconds
    try:
        for epoch in training.epochs(training_epochs, start=1):
            done_looping = False
            c = []
            for minibatch_index in training.minibatches(n_train_batches, c):
                c.append(train_fn(minibatch_index))
                iter = (epoch - 1) * n_train_batches + minibatch_index

                if (iter + 1) % validation_frequency == 0:
                    training.mean_cost(c)  # complains if it is not finite

                    this_validation_loss = numpy.mean(validate_model())
                    curves['validation'].append(
                        ((iter + 1) / n_train_batches, this_validation_loss * 100.))
                    print_line('epoch %i, minibatch %i/%i, validation error %f %%' % (
                        epoch, minibatch_index + 1, n_train_batches, this_validation_loss * 100.))

                    if stopping.improves(this_validation_loss, iter):
                        best['params'] = [param.get_value() for param in sda.params]
                        best['test score'] = test_score = numpy.mean(test_model())
                        curves['test, at the best on validation so far'].append(
                            ((iter + 1) / n_train_batches, test_score * 100.))
                        print_line(
                            '     epoch %i, minibatch %i/%i, test error of best model %f %%' % (
                                epoch, minibatch_index + 1, n_train_batches, test_score * 100.))

                if stopping.exhausted(iter):
                    done_looping = True
                    break

            if done_looping:
                break
            learning_rate.set_value(
                (learning_rate.get_value() * finetune_lr_decay).astype(learning_rate.dtype))
    except KeyboardInterrupt as interrupt:
        interrupted = interrupt

    training_time = timeit.default_timer() - start_time

    # ---- looking at what was learned

    if stopping.best_iteration is not None:
        for param, value in zip(sda.params, best['params'], strict=True):
            param.set_value(value, borrow=True)

        draw_learning_curve(curves, title='SdA').save(curve_png)
        test_set_x, test_set_y = datasets[2]
        test_images = test_set_x.get_value(borrow=True)
        draw_mistakes(test_images, label_values(test_set_y), sda.predict_proba(test_images),
                      image_shape).save(mistakes_png)
    save_filters(sda.dA_layers[0], image_shape, filters_png)
    sda.save(os.path.join(output_folder, 'SdA.npz'))

    if interrupted:
        print('Interrupted; the pictures so far are in %s; go on with --resume' % output_folder,
              file=sys.stderr)
        raise interrupted

    if stopping.best_iteration is not None:
        print_line(
            'Optimization complete with best validation score of %f %%, on iteration %i, '
            'with test performance %f %%' % (
                stopping.best_loss * 100., stopping.best_iteration + 1, best['test score'] * 100.))
    write_SdA_report(
        output_folder, sda, datasets, pretraining_costs, curves,
        seconds={'pre-training': pretraining_time, 'fine-tuning': training_time},
        settings=settings)
    print('The training code for file %s ran for %.2fm' % (
        os.path.split(__file__)[1], training_time / 60.), file=sys.stderr)
    run.finish()
    return sda


if __name__ == '__main__':
    sys.exit(run_script(test_SdA, SdA_options()))
