"""Convolution of stacks of pictures: windows of them times the filters."""

import pytensor.tensor as pt
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.tensor.variable import TensorVariable

__all__ = ["conv2d", "windows"]


def conv2d(
    input,
    filters,
    input_shape=None,
    filter_shape=None,
    border_mode="valid",
    subsample=(1, 1),
    filter_flip=True,
    image_shape=None,
    filter_dilation=(1, 1),
    num_groups=1,
    unshared=False,
    **kwargs,
) -> TensorVariable:
    """Convolve pictures of several channels with filters.

    Parameters
    ----------
    input : symbolic, shape (pictures, channels, rows, columns)
    filters : symbolic, shape (filters, channels, rows, columns)
        The rows and columns must be known: from `filter_shape`, or since it is a shared variable.
    border_mode : {"valid", "full", "half"}, int, or pair of int
        How many zeros are put around the pictures.
    subsample : pair of int
        Steps from one window to the next.
    filter_flip : bool
        Turn the filters round, as a convolution does.
    input_shape, image_shape
        Are not needed.

    Returns
    -------
    TensorVariable, shape (pictures, filters, rows, columns)
    """
    if tuple(filter_dilation) != (1, 1) or num_groups != 1 or unshared:
        raise NotImplementedError(
            "theano.tensor.nnet.conv2d is to be had here without filter_dilation, num_groups and "
            "unshared only"
        )
    filters = pt.as_tensor_variable(filters)
    height, width = _size_of(filters, filter_shape)
    input = _padded(pt.as_tensor_variable(input), border_mode, height, width)
    if filter_flip:
        filters = filters[:, :, ::-1, ::-1]
    patches = windows(input, (height, width), subsample)
    maps = pt.tensordot(patches, filters, axes=[[0, 1, 3], [3, 2, 1]])
    return maps.dimshuffle(0, 3, 1, 2)


def windows(input, size: tuple[int, int], step: tuple[int, int]) -> TensorVariable:
    """Cut windows out of the last two axes.

    Windows begin every `step` rows and columns, and lie inside.

    Returns
    -------
    TensorVariable, shape (columns of a window, rows of a window, ..., windows down, windows across)
    """
    # First bands of rows, then columns of these: few slices to compile.
    rows = (input.shape[-2] - size[0]) // step[0] + 1
    columns = (input.shape[-1] - size[1]) // step[1] + 1
    down, across = (rows - 1) * step[0] + 1, (columns - 1) * step[1] + 1
    bands = pt.stack([input[..., i : i + down : step[0], :] for i in range(size[0])])
    return pt.stack([bands[..., j : j + across : step[1]] for j in range(size[1])])


def _size_of(filters: TensorVariable, filter_shape) -> tuple[int, int]:
    known = filters.type.shape
    if isinstance(filters, SharedVariable):
        known = filters.get_value(borrow=True).shape
    if filter_shape is not None:
        known = [
            own if own is not None else at for own, at in zip(filter_shape, known, strict=True)
        ]
    if known[2] is None or known[3] is None:
        raise ValueError(
            "the rows and columns of the filters must be known when the graph is built: pass "
            "filter_shape"
        )
    return int(known[2]), int(known[3])


def _padded(input: TensorVariable, border_mode, height: int, width: int) -> TensorVariable:
    match border_mode:
        case "valid":
            return input
        case "full":
            around = height - 1, width - 1
        case "half":
            around = height // 2, width // 2
        case int():
            around = border_mode, border_mode
        case (int(), int()):
            around = border_mode
        case _:
            raise ValueError(f"border_mode must be valid, full, half or sizes, got {border_mode!r}")
    shape = [*input.shape[:2], input.shape[2] + 2 * around[0], input.shape[3] + 2 * around[1]]
    zeros = pt.zeros(shape, dtype=input.dtype)
    inside = zeros[
        :, :, around[0] : around[0] + input.shape[2], around[1] : around[1] + input.shape[3]
    ]
    return pt.set_subtensor(inside, input)
