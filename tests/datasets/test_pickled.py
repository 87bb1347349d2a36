"""Pickles in the tutorial's layout: what they hold is read, and what they ask for is not done."""

import copyreg
import gzip
import os
import pickle
import pickletools
import random
import shlex
import struct
import tracemalloc

import numpy as np
import pytest

from deeptutorial.datasets import DatasetError, pickled, read_dataset
from deeptutorial.datasets.arrays import Examples
from deeptutorial.datasets.pickled import read_pickled

# A pickle put together opcode by opcode, in the way of protocol 2.


def name(module, attribute):
    return f"c{module}\n{attribute}\n".encode()


def stack_name(module, attribute):
    return text(module) + text(attribute) + b"\x93"


def text(value):
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def bytes2(value):
    """Bytes as Python 2 writes them, a `str`."""
    return b"T" + struct.pack("<I", len(value)) + value


def number(value):
    return b"J" + struct.pack("<i", value)


def together(*items):
    return b"(" + b"".join(items) + b"t"


def mapping(**items):
    return b"}(" + b"".join(text(key) + value for key, value in items.items()) + b"u"


def call(function, *arguments):
    return function + together(*arguments) + b"R"


def dtype(code=None, byte_order="<", make_text=text):
    made = call(name("numpy", "dtype"), code or make_text("f4"), number(0), number(1))
    rest = b"NNN" + number(-1) + number(-1) + number(0)
    return made + together(number(3), make_text(byte_order), rest) + b"b"


def empty_array(core="core", letter=None):
    return call(
        name(f"numpy.{core}.multiarray", "_reconstruct"),
        name("numpy", "ndarray"),
        together(number(0)),
        letter or bytes2(b"b"),
    )


def array(values, shape, code="f4", make_text=text):
    """Pickle an array as NumPy does under Python 2."""
    sizes = together(*map(number, shape))
    state = together(
        number(1), sizes, dtype(make_text(code), make_text=make_text), b"\x89", bytes2(values)
    )
    return empty_array() + state + b"b"


def array_of(shape, values, type_=None):
    return empty_array() + together(number(1), shape, type_ or dtype(), b"\x89", values) + b"b"


X = array(struct.pack("<8f", *[0.5] * 8), (2, 4))
Y = array(struct.pack("<2q", 3, 7), (2,), "i8")


def layout(train_x=X, train_y=Y):
    return b"\x80\x02" + together(together(train_x, train_y), *[together(X, Y)] * 2) + b"."


def arrays(n_train=6, n_valid=3, n_test=2, n_pixels=4, dtype="f4"):
    """Return a data set of the layout, all of its values different."""
    count = 0
    parts = []
    for n in (n_train, n_valid, n_test):
        values = np.arange(count, count + n * n_pixels) / 64
        parts.append((values.reshape(n, n_pixels).astype(dtype), np.arange(n, dtype="i8") + count))
        count += n
    return tuple(parts)


@pytest.fixture
def write(tmp_path):
    def write(content, name="set.pkl"):
        path = tmp_path / name
        if not isinstance(content, bytes):
            content = pickle.dumps(content)
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
        return path

    return write


def assert_same(dataset, expected):
    for (images, labels), (x, y) in zip(
        (dataset.train, dataset.valid, dataset.test), expected, strict=True
    ):
        assert np.array_equal(images, x)
        assert np.array_equal(labels, y)
        assert images.dtype.isnative
        assert images.flags.c_contiguous
        assert labels.dtype == np.int32


# --- what is read


@pytest.mark.parametrize("file_name", ["set.pkl", "set.pkl.gz", "no suffix"])
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_protocol_is_read(write, protocol, file_name):
    expected = arrays()
    dataset = read_pickled(write(pickle.dumps(expected, protocol), file_name))
    assert_same(dataset, expected)
    assert dataset.train[0].dtype == np.float32
    assert dataset.image_shape == (2, 2)


def test_gzip_is_told_by_its_content(tmp_path):
    path = tmp_path / "set.pkl"
    path.write_bytes(gzip.compress(pickle.dumps(arrays())))
    assert_same(read_pickled(path), arrays())


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", ">f8", "f2"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_byte_and_memory_order_do_not_matter(write, dtype, order, protocol):
    expected = arrays(dtype=dtype)
    stored = [(np.array(x, order=order), y.astype(">i4")) for x, y in expected]
    assert_same(read_pickled(write(pickle.dumps(stored, protocol))), expected)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_exchanged_axes_are_read(write, protocol):
    x = np.arange(2 * 3 * 4, dtype="f4").reshape(2, 3, 4) / 32
    content = ((x.transpose(0, 2, 1), np.zeros(2, "i8")),) * 3
    dataset = read_pickled(write(pickle.dumps(content, protocol)))
    assert dataset.train[0].tolist() == [example.T.ravel().tolist() for example in x]


@pytest.mark.parametrize("protocol", [2, 5])
def test_strided_and_read_only_arrays_are_read(write, protocol):
    expected = [(x[:, ::2], y[:]) for x, y in arrays()]
    for x, _ in expected:
        x.setflags(write=False)
    dataset = read_pickled(write(pickle.dumps(expected, protocol)))
    assert_same(dataset, expected)
    dataset.train[0][0, 0] = 1  # what is read can be written to


def test_metadata_of_a_type_is_left_out(write):
    noted = np.dtype("f4", metadata={"unit": "ink"})
    expected = [(x.astype(noted), y) for x, y in arrays()]
    dataset = read_pickled(write(expected))
    assert_same(dataset, expected)
    assert dataset.train[0].dtype.metadata is None


@pytest.mark.parametrize("kind", [list, tuple])
def test_lists_are_as_good_as_tuples(write, kind):
    expected = kind(kind(part) for part in arrays())
    assert_same(read_pickled(write(expected)), expected)


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (np.array([[0, 1, 128, 255]], "u1"), [[0, 1 / 256, 0.5, 255 / 256]]),
        (np.array([[0, 1, 32768, 65535]], ">u2"), [[0, 2**-16, 0.5, 65535 / 65536]]),
        (np.array([[False, True]]), [[0, 1]]),
    ],
)
def test_whole_pixels_are_scaled(write, stored, expected):
    dataset = read_pickled(write([(stored, np.array([0]))] * 3))
    assert dataset.test[0].tolist() == expected
    assert dataset.test[0].dtype == np.float32


@pytest.mark.parametrize("dtype", ["u1", "i1", "<i8", ">i8", "u8", "f4", "f8"])
def test_whole_labels_of_any_type_are_read(write, dtype):
    labels = np.array([5, 0], dtype)
    dataset = read_pickled(write([(np.zeros((2, 4)), labels)] * 3))
    assert dataset.train[1].tolist() == [5, 0]
    assert dataset.train[1].dtype == np.int32


@pytest.mark.parametrize(("n_pixels", "shape"), [(784, (28, 28)), (6, (1, 6)), (1, (1, 1))])
def test_image_shape_is_guessed(write, n_pixels, shape):
    content = [(np.zeros((2, n_pixels), "f4"), np.arange(2))] * 3
    assert read_pickled(write(content)).image_shape == shape


@pytest.mark.parametrize("make_text", [text, lambda value: bytes2(value.encode())])
def test_pickle_of_python_2_is_read(write, make_text):
    pixels, labels = bytes(range(8)), struct.pack("<2q", 3, -7)
    x = array(pixels, (2, 4), "u1", make_text)
    y = array(labels, (2,), "i8", make_text)
    content = layout(x, y)
    assert list(pickletools.genops(content))[-1][0].name == "STOP"
    dataset = read_pickled(write(content))
    assert (dataset.train[0] * 256).tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert dataset.train[1].tolist() == [3, -7]
    assert dataset.test[1].tolist() == [3, 7]


def test_text_pickle_of_python_2_is_read(write):
    def string(value):
        return b"S" + repr(value)[1:].encode() + b"\n"

    def member(values, shape, code):
        sizes = b"(" + b"".join(b"I%d\n" % size for size in shape) + b"t"
        kind = name("numpy", "dtype") + b"(" + string(code) + b"I0\nI1\ntR"
        kind += b"(I3\n" + string(b"<") + b"NNNI-1\nI-1\nI0\ntb"
        made = name("numpy.core.multiarray", "_reconstruct")
        made += b"(" + name("numpy", "ndarray") + b"(I0\nt" + string(b"b") + b"tR"
        return made + b"(I1\n" + sizes + kind + b"I00\n" + string(values) + b"tb"

    values = np.array([[0, 0.1, 0.2, 1], [1, 0.7, 0.8, 0.9]], "<f4")
    part = b"(" + member(values.tobytes(), (2, 4), b"f4")
    part += member(struct.pack("<2q", 200, 10), (2,), b"i8") + b"t"
    dataset = read_pickled(write(b"(" + 3 * part + b"t."))
    assert np.array_equal(dataset.valid[0], values)
    assert dataset.valid[1].tolist() == [200, 10]


def test_real_files_agree(pickled_mnist, mnist_folder):
    from deeptutorial.datasets.idx import read_idx_folder

    from_pickle, from_idx = read_pickled(pickled_mnist), read_idx_folder(mnist_folder)
    for part, n in (("train", 50_000), ("valid", 10_000), ("test", 10_000)):
        (images, labels), (x, y) = getattr(from_pickle, part), getattr(from_idx, part)
        assert images.shape == x.shape == (n, 784)
        assert images.dtype == x.dtype == np.float32
        assert np.array_equal(images, x)
        assert np.array_equal(labels, y)
        assert set(np.unique(y)) == set(range(10))
    assert from_pickle.image_shape == from_idx.image_shape == (28, 28)
    assert from_idx.train[0].max() == 255 / 256


# --- what a pickle may not ask for

HOSTILE = {
    "os.system": lambda canary: call(name("os", "system"), text(f"touch {shlex.quote(canary)}")),
    "posix.mkdir": lambda canary: call(name("posix", "mkdir"), text(canary)),
    "builtins.eval": lambda canary: call(
        name("builtins", "eval"), text(f"__import__('os').mkdir({canary!r})")
    ),
    "__builtin__.eval": lambda canary: call(
        name("__builtin__", "eval"), text(f"__import__('os').mkdir({canary!r})")
    ),
    "builtins.exec": lambda canary: call(
        name("builtins", "exec"), text(f"import os; os.mkdir({canary!r})")
    ),
    "builtins.open": lambda canary: call(name("builtins", "open"), text(canary), text("w")),
    "os.mkdir": lambda canary: call(stack_name("os", "mkdir"), text(canary)),
    "os.makedirs": lambda canary: b"(" + text(canary) + b"ios\nmakedirs\n",  # INST
    "subprocess.check_call": lambda canary: (
        b"(" + name("subprocess", "check_call") + b"](" + text("mkdir") + text(canary) + b"eo"
    ),
    "pathlib.Path.mkdir": lambda canary: call(
        b"\x80\x04" + stack_name("pathlib", "Path.mkdir"),
        call(name("pathlib", "Path"), text(canary)),
    ),
    "numpy.memmap": lambda canary: call(
        name("numpy", "memmap"), text(canary), text("f4"), text("w+"), number(0), number(1)
    ),
    "numpy.ndarray.tofile": lambda canary: call(
        b"\x80\x04" + stack_name("numpy", "ndarray.tofile"),
        call(name("numpy", "arange"), number(3)),
        text(canary),
    ),
    "numpy.savetxt": lambda canary: call(name("numpy", "savetxt"), text(canary), b"](" + b"e"),
    "pickle.loads": lambda canary: call(
        name("pickle", "loads"), bytes3(call(name("os", "mkdir"), text(canary)) + b".")
    ),
    "functools.partial": lambda canary: call(
        call(name("functools", "partial"), name("os", "mkdir"), text(canary))
    ),
    "copyreg.__newobj__": lambda canary: (
        call(name("copyreg", "__newobj__"), name("tempfile", "TemporaryDirectory"))
        + call(name("os", "mkdir"), text(canary))
    ),
}


def bytes3(value):
    return b"B" + struct.pack("<I", len(value)) + value


def in_place_of_all(hostile):
    return b"\x80\x02" + hostile + b"."


def beside_the_layout(hostile):
    return b"\x80\x02" + hostile + b"0" + layout()[2:]


@pytest.mark.parametrize(
    "placed", [in_place_of_all, beside_the_layout, layout, lambda hostile: layout(X, hostile)]
)
@pytest.mark.parametrize("asked_for", HOSTILE)
def test_nothing_of_a_hostile_pickle_runs(write, refusal, tmp_path, asked_for, placed):
    canary = tmp_path / "ran"
    content = placed(HOSTILE[asked_for](str(canary)))
    for file_name in ("set.pkl", "set.pkl.gz"):
        path = write(content, file_name)
        refusal(read_pickled, path, f"the pickle asks for {asked_for}, and only NumPy arrays")
        assert not canary.exists()


@pytest.mark.parametrize("asked_for", HOSTILE)
@pytest.mark.filterwarnings("ignore")
def test_the_hostile_pickles_would_run(tmp_path, asked_for):
    canary = tmp_path / "ran"
    pickle.loads(in_place_of_all(HOSTILE[asked_for](str(canary))))
    assert canary.exists()


class _MakesFolder:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_object_with_reduce_is_refused(write, refusal, tmp_path, protocol):
    canary = tmp_path / "ran"
    train, valid, (x, _) = arrays()
    content = pickle.dumps((train, valid, (x, _MakesFolder(str(canary)))), protocol)
    refusal(read_pickled, write(content), f"asks for {os.mkdir.__module__}.mkdir")
    assert not canary.exists()
    pickle.loads(content)
    assert canary.exists()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_object_inside_an_array_is_refused(write, refusal, tmp_path, protocol):
    canary = tmp_path / "ran"
    train, valid, (x, _) = arrays()
    objects = np.array([_MakesFolder(str(canary)), None], dtype=object)
    path = write(pickle.dumps((train, valid, (x, objects)), protocol))
    refusal(read_pickled, path, "an array of type 'O8'")
    assert not canary.exists()


@pytest.mark.parametrize(
    ("module", "attribute"),
    [
        ("numpy", "load"),
        ("numpy", "fromfile"),
        ("numpy", "float32"),
        ("numpy", "dtype.__init__"),
        ("numpy", "dtype.__init__.__globals__"),
        ("numpy", "ndarray.__setstate__"),
        ("numpy", "ndarray.array"),
        ("numpy.dtype", "__init__"),
        ("numpy", ""),
        ("", "dtype"),
        ("numpy.core.multiarray", "scalar"),
        ("numpy._core.multiarray", "fromfile"),
        ("numpy.core.multiarray", "_reconstruct.__globals__"),
        ("numpy._core.numeric", "_frombuffer.__globals__"),
        ("numpy._core.numeric", "frombuffer"),
        ("numpy.ma.core", "_mareconstruct"),
        ("_codecs", "decode"),
        ("_codecs", "encode.__self__"),
        ("_codecs", "encode.__self__.encode"),
        ("codecs", "encode"),
        ("copyreg", "_reconstructor"),
        ("copy_reg", "_reconstructor"),
        ("builtins", "getattr"),
        ("builtins", "bytearray"),
        ("deeptutorial.datasets.pickled", "_PickledArray"),
        ("deeptutorial.datasets.pickled", "gzip.open"),
        ("no such module", "at all"),
    ],
)
@pytest.mark.parametrize("written", [name, stack_name])
def test_every_other_name_is_refused(write, refusal, module, attribute, written):
    path = write(b"\x80\x04" + written(module, attribute) + b".")
    refusal(read_pickled, path, f"the pickle asks for {module}.{attribute}, and only NumPy arrays")


def test_a_name_is_not_made_of_numbers(write, refusal):
    refusal(read_pickled, write(b"\x80\x04" + number(1) + number(2) + b"\x93."), "not a whole")


@pytest.mark.parametrize("identifier", [b"Pwho\n", text("who") + b"Q", bytes2(b"who") + b"Q"])
def test_persistent_object_is_refused(write, refusal, identifier):
    path = write(layout(identifier))
    refusal(read_pickled, path, "asks for a persistent object ('who')")


@pytest.fixture
def extension(tmp_path):
    """Register os.mkdir under an extension code, as a program around the reader might."""
    module = os.mkdir.__module__
    copyreg.add_extension(module, "mkdir", 241)
    yield 241
    copyreg.remove_extension(module, "mkdir", 241)


@pytest.mark.parametrize("used_before", [False, True])
@pytest.mark.parametrize("opcode", [b"\x82\xf1", b"\x83\xf1\0", b"\x84\xf1\0\0\0"])
def test_extension_code_is_refused(write, refusal, tmp_path, extension, opcode, used_before):
    canary = tmp_path / "ran"
    content = in_place_of_all(call(opcode, text(str(canary))))
    if used_before:  # which keeps the function at hand, by its code
        pickle.loads(content)
        canary.rmdir()
    refusal(read_pickled, write(content), f"the extension code {extension}")
    assert not canary.exists()


def test_unknown_extension_code_is_refused(write, refusal):
    refusal(read_pickled, write(in_place_of_all(b"\x82\xf2")), "the extension code 242")


@pytest.mark.parametrize(
    "state",
    [
        mapping(array=number(1), __name__=text("changed"), __wrapped__=number(1)),
        b"N" + mapping(array=number(1), __name__=text("changed"), __defaults__=b")") + b"\x86",
        mapping(array=number(1)) + mapping(__qualname__=text("changed")) + b"\x86",
    ],
)
@pytest.mark.parametrize("stand_in", pickled._STAND_INS)
def test_what_arrays_are_made_with_cannot_be_changed(write, refusal, stand_in, state):
    function = pickled._STAND_INS[stand_in]

    def described():
        return dict(vars(function)), function.__name__, getattr(function, "__defaults__", None)

    before = described()
    path = write(in_place_of_all(name(*stand_in) + state + b"b"))
    refusal(read_pickled, path, "the pickle asks for a change to")
    assert described() == before


@pytest.mark.parametrize(
    "target", [dtype(), empty_array(), X], ids=["dtype", "empty array", "array"]
)
@pytest.mark.parametrize(
    "state",
    [
        mapping(array=number(1), dtype=number(1), __class__=number(1)),
        b"N" + mapping(array=number(1), dtype=number(1)) + b"\x86",
        number(3),
        b"N",
        together(*[b"N"] * 5),
    ],
)
def test_array_with_another_state_is_refused(write, refusal, target, state):
    refusal(read_pickled, write(layout(target + state + b"b")))


@pytest.mark.parametrize(
    "opcodes",
    [
        X + number(1) + b"a",  # APPEND
        X + b"(" + number(1) + b"e",  # APPENDS
        X + number(1) + number(2) + b"s",  # SETITEM
        b"\x80\x04" + X + b"(" + number(1) + b"\x90",  # ADDITEMS
        X + b")R",  # calls the array
        dtype() + b")R",
        text("numpy") + b")R",
        X + b")\x81",  # NEWOBJ
        text("numpy") + b")\x81",
        name("numpy", "dtype") + b")\x81",
        name("numpy", "dtype") + b")}\x92",  # NEWOBJ_EX
        name("numpy", "ndarray") + together(number(3)) + b"R",
        name("numpy", "dtype") + text("__init__") + b"\x93",
        b"\x97",  # NEXT_BUFFER
        X + b"\x98",  # READONLY_BUFFER
        b"g9\n",  # GET of what was never put
        b"\x94" * 3,  # MEMOIZE of nothing
        b"0",
        b"t",
        b"\xff",
        b"\x80\x99",
        b"I" + b"9" * 10_000 + b"\n",
    ],
)
def test_misused_opcode_is_refused(write, refusal, opcodes):
    refusal(read_pickled, write(layout(opcodes)))


@pytest.mark.parametrize(
    "code", ["O", "O8", "V8", "U5", "S3", "M8[s]", "m8", "c8", "f4,f4", "(3,)f4", "f", "f4 ", "f99"]
)
def test_type_that_is_not_a_plain_number_is_refused(write, refusal, code):
    words = ["not a whole pickle"] if code == "f99" else [f"an array of type {code!r}"]
    refusal(read_pickled, write(layout(array(b"12345678", (1,), code))), *words)


@pytest.mark.parametrize("code", [name("numpy", "ndarray"), number(5), b"}", b"]", b"N", X])
def test_type_is_named_by_a_text(write, refusal, code):
    refusal(read_pickled, write(layout(array_of(together(), bytes2(b""), dtype(code)))), "refused")


@pytest.mark.parametrize(
    "stored",
    [
        np.zeros(3, [("a", "f4"), ("b", "i4")]),
        np.zeros((2, 3), "c8"),
        np.zeros((2, 3), "M8[s]"),
        np.array([["a", "b"]]),
        np.array([[b"a", b"b"]]),
        np.ma.masked_array(np.zeros((2, 3)), mask=True),
        np.zeros((2, 3)).view(np.recarray),
        np.float64(0.5),
    ],
    ids=lambda value: f"{type(value).__name__}-{value.dtype}",
)
@pytest.mark.parametrize("protocol", [2, 5])
def test_arrays_other_than_of_numbers_are_refused(write, refusal, stored, protocol):
    content = ((stored, np.zeros(2)), *arrays()[1:])
    refusal(read_pickled, write(pickle.dumps(content, protocol)), "refused: the pickle asks for")


# --- what claims more than it has

MEGABYTES = 8


def bomb(depth):
    """A tuple of two of a tuple of two of ... that is small in memory, but not in writing."""
    return b")" + b"2\x86" * depth


CLAIMS = {
    "BINBYTES8": b"\x80\x04\x8e" + struct.pack("<Q", 2**30) + b"few",
    "BINBYTES": b"B" + struct.pack("<I", 2**30) + b"few",
    "BINSTRING": b"T" + struct.pack("<i", 2**30) + b"few",
    "BINUNICODE": b"X" + struct.pack("<I", 2**30) + b"few",
    "BINUNICODE8": b"\x80\x04\x8d" + struct.pack("<Q", 2**30) + b"few",
    "BYTEARRAY8": b"\x80\x05\x96" + struct.pack("<Q", 2**30) + b"few",
    "BYTEARRAY8 beyond memory": b"\x80\x05\x96" + struct.pack("<Q", 2**63 - 1) + b"few",
    "BINBYTES8 beyond memory": b"\x80\x05\x8e" + struct.pack("<Q", 2**63 - 1) + b"few",
    "BINBYTES8 beyond any size": b"\x80\x05\x8e" + struct.pack("<Q", 2**64 - 1) + b"few",
    "LONG4": b"\x8b" + struct.pack("<i", 2**30) + b"few",
    "FRAME": b"\x80\x04\x95" + struct.pack("<Q", 2**30) + b"few",
    "LONG_BINPUT": b"]r" + struct.pack("<I", 2**26),
    "PUT": b"]p%d\n" % 2**26,
    "values by number": array_of(together(number(2**28)), number(2**30)),
    "values by list": array_of(together(number(1)), b"](" + number(1) + b"e"),
    "shape of text": array_of(together(text("f"), number(2**30)), bytes2(b"abcd")),
    "shape of lists": array_of(together(b"](" + b"NNNNe", number(2**27)), bytes2(b"abcd")),
    "shape by text": array_of(text("ab"), bytes2(b"abcd")),
    "large shape": array_of(together(number(2**30), number(2**30)), bytes2(b"abcd")),
    "large empty shape": array_of(together(number(0), number(2**30)) * 3, bytes2(b"")),
    "shape beyond 64 bits": array_of(
        together(number(0), b"\x8a\x0a" + b"\xff" * 9 + b"\0"), bytes2(b"")
    ),
    "negative shape": array_of(together(number(-1), number(-1)), bytes2(b"abcd")),
    "shape with -1": array_of(together(number(-1), number(4)), bytes2(b"")),
    "boolean shape": array_of(together(b"\x88", b"\x88"), bytes2(b"abcd")),
    "70 dimensions": array_of(together(*[number(1)] * 70), bytes2(b"abcd")),
    "_frombuffer by number": call(
        name("numpy._core.numeric", "_frombuffer"),
        number(2**30),
        dtype(),
        together(number(2**28)),
        text("C"),
    ),
    "_encode by number": call(name("_codecs", "encode"), number(2**30), text("latin1")),
    "type by bomb": dtype(bomb(23)),
    "shape by bomb": array_of(bomb(23), bytes2(b"abcd")),
    "encoding by bomb": call(name("_codecs", "encode"), text("abc"), bomb(23)),
    "persistent bomb": bomb(23) + b"Q",
    "layout by bomb": bomb(30),
}


@pytest.mark.parametrize("claim", CLAIMS)
@pytest.mark.parametrize("file_name", ["set.pkl", "set.pkl.gz"])
def test_memory_is_not_taken_for_a_claim(write, refusal, claim, file_name):
    path = write(layout(CLAIMS[claim]), file_name)
    tracemalloc.start()
    try:
        message = refusal(read_pickled, path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MEGABYTES * 2**20
    assert len(message) < 1000


BIG = 1_000_000


def many_times(one, n=400):
    """Ask for what is in the memo again and again, and keep all of it."""
    return b"(" + one * n + b"t."


MEMO = {
    "frombuffer": text("C") + b"q\x03" + dtype(text("u1")) + b"q\x02"
    + together(number(BIG)) + b"q\x01" + b"B" + struct.pack("<I", BIG) + bytes(BIG) + b"q\x00"
    + many_times(
        name("numpy.core.numeric", "_frombuffer") + together(b"h\x00", b"h\x02", b"h\x01", b"h\x03")
        + b"R"
    ),
    "state": dtype(text("u1")) + b"q\x02" + bytes2(bytes(BIG)) + b"q\x00"
    + many_times(
        empty_array()
        + together(number(1), together(number(BIG)), b"h\x02", b"\x89", b"h\x00") + b"b"
    ),
    "encode": text("\xe9" * BIG) + b"q\x00" + text("latin1") + b"q\x01"
    + many_times(call(name("_codecs", "encode"), b"h\x00", b"h\x01")),
}  # fmt: skip


@pytest.mark.parametrize("asked", MEMO)
@pytest.mark.parametrize("file_name", ["set.pkl", "set.pkl.gz"])
def test_the_same_bytes_are_not_made_a_hundred_arrays(write, refusal, asked, file_name):
    path = write(b"\x80\x02" + MEMO[asked], file_name)
    tracemalloc.start()
    try:
        refusal(read_pickled, path, "its arrays are larger than the pickle")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 12 * BIG


@pytest.mark.parametrize("given", ["other encoding: utf8", "x" * 10_000])
def test_other_encoding_is_refused(write, refusal, given):
    path = write(layout(call(name("_codecs", "encode"), text("abc"), text(given))))
    message = refusal(read_pickled, path, f"the encoding '{given[:20]}")
    assert len(message) < 500


# --- damaged files


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_truncated_pickle_is_refused(write, refusal, protocol):
    content = pickle.dumps(arrays(), protocol)
    for length in range(0, len(content), 7):
        refusal(read_pickled, write(content[:length]))
    refusal(read_pickled, write(content[:-1]))


def test_truncated_gzip_is_refused(tmp_path, refusal):
    path = tmp_path / "set.pkl.gz"
    content = gzip.compress(pickle.dumps(arrays()))
    for length in range(len(content)):  # the last eight bytes are but checksum and length
        path.write_bytes(content[:length])
        refusal(read_pickled, path)


def test_altered_gzip_is_refused(tmp_path, refusal):
    path = tmp_path / "set.pkl.gz"
    content = gzip.compress(pickle.dumps(arrays()), compresslevel=0)
    for position in range(11, len(content)):  # before, there are the date and unused bits
        altered = bytearray(content)
        altered[position] ^= 0x10
        path.write_bytes(altered)
        refusal(read_pickled, path)


@pytest.mark.parametrize("protocol", [0, 2, 5])
@pytest.mark.parametrize("layout", ["arrays", "lists", "dictionary", "batch"])
def test_altered_pickle_is_read_or_refused(write, protocol, layout):
    rng = random.Random(protocol)
    x, y = arrays()[0]
    stored = {
        "arrays": arrays(),
        "lists": [(x.tolist(), y.tolist())] * 2,
        "dictionary": {"train": {"x": x, "y": y}, "test": (x, y)},
        "batch": {b"data": x, b"labels": y.tolist(), b"names": ["a"] * len(x)},
    }[layout]
    content = pickle.dumps(stored, protocol)
    outcomes = set()
    for _ in range(300):
        altered = bytearray(content)
        for _ in range(rng.choice([1, 1, 2, 5])):
            altered[rng.randrange(len(content))] = rng.randrange(256)
        try:
            read_pickled(write(bytes(altered)))
            outcomes.add("read")
        except DatasetError:
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}


def test_file_that_is_not_gzip_in_spite_of_its_name(tmp_path, refusal):
    path = tmp_path / "set.pkl.gz"
    path.write_bytes(pickle.dumps(arrays()))
    message = refusal(read_pickled, path, "not a gzip file, in spite of its name")
    assert message.count(str(path)) == 1


@pytest.mark.parametrize("content", [b"", b"\x1f", b"hello", b"<html>", b"\xff\xd8\xff\xe0"])
def test_file_that_is_no_pickle(write, refusal, content):
    refusal(read_pickled, write(content), "not a whole pickle of arrays")


def test_file_that_does_not_exist(tmp_path, refusal):
    refusal(read_pickled, tmp_path / "nowhere.pkl", "cannot be read (No such file or directory)")


def test_file_that_may_not_be_read(write, refusal, monkeypatch):
    def forbidden(*_, **__):
        raise PermissionError(13, "Permission denied")

    path = write(arrays())
    monkeypatch.setattr("deeptutorial.archives.open", forbidden, raising=False)
    refusal(read_pickled, path, "cannot be read (Permission denied)")


# --- other layouts

X4, Y4 = (np.arange(48) / 64).reshape(12, 4), np.arange(12)


def test_two_parts_are_training_and_test_set(write):
    dataset = read_pickled(write(((X4, Y4), (X4[:5], Y4[:5]))))
    assert_same(dataset, [(X4[:10], Y4[:10]), (X4[10:], Y4[10:]), (X4[:5], Y4[:5])])


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_lists_of_numbers_are_arrays(write, protocol):
    stored = [(x.tolist(), y.tolist()) for x, y in arrays()]
    assert_same(read_pickled(write(pickle.dumps(stored, protocol))), arrays())


def test_lists_of_lists_of_lists_and_of_arrays_are_pictures(write):
    pictures = X4.reshape(12, 2, 2)
    for x in (pictures.tolist(), list(pictures), tuple(X4)):
        dataset = read_pickled(write([(x, Y4)] * 3))
        assert dataset.image_shape == (2, 2)
        assert np.array_equal(dataset.valid[0], X4)


def test_parts_may_have_no_labels(write):
    dataset = read_pickled(write([(X4, None)] * 3))
    assert np.array_equal(dataset.test[0], X4)
    assert set(dataset.test[1].tolist()) == {-1}


@pytest.mark.parametrize(
    ("content", "labels"),
    [
        (X4, None),
        (X4.tolist(), None),
        (list(X4), None),
        ((X4, Y4), Y4),
        ([X4.tolist(), Y4.tolist()], Y4),
        ({"x": X4, "y": Y4}, Y4),
        ({"X": X4}, None),
        ({"data": X4, "target": Y4.tolist()}, Y4),
        ({b"data": X4, b"labels": Y4.tolist(), b"filenames": ["a.png"] * 12}, Y4),
    ],
)
@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_one_piece_is_not_divided_here(write, content, labels, protocol):
    examples = read_pickled(write(pickle.dumps(content, protocol)))
    assert isinstance(examples, Examples)
    assert np.array_equal(examples.images, X4)
    assert examples.image_shape == (2, 2)
    assert examples.labels is None if labels is None else np.array_equal(examples.labels, labels)


PARTS_IN_DICTIONARIES = {
    "x_train": {"x_train": X4, "y_train": Y4, "x_test": X4[:5], "y_test": Y4[:5]},
    "train_x": {"train_x": X4, "train_y": Y4, "test_x": X4[:5], "test_y": Y4[:5]},
    "pairs": {"train": (X4, Y4), "test": [X4[:5], Y4[:5]]},
    "dictionaries": {"train": {"x": X4, "y": Y4}, "test": {b"data": X4[:5], "labels": [*range(5)]}},
}


@pytest.mark.parametrize("content", PARTS_IN_DICTIONARIES.values(), ids=PARTS_IN_DICTIONARIES)
@pytest.mark.parametrize("has_validation", [False, True])
def test_parts_in_dictionaries(write, content, has_validation):
    expected = [(X4[:10], Y4[:10]), (X4[10:], Y4[10:]), (X4[:5], Y4[:5])]
    if has_validation:
        more = {key.replace("test", "valid"): v for key, v in content.items() if "test" in key}
        content, expected = content | more, [(X4, Y4), expected[2], expected[2]]
    assert_same(read_pickled(write(content)), expected)


def test_batch_of_cifar_10_is_pictures_in_colour(write):
    planes = np.random.RandomState(0).randint(0, 256, (6, 3, 32, 32)).astype("u1")
    batch = {b"batch_label": b"training batch 1 of 5", b"labels": [3, 1, 4, 1, 5, 9]}
    examples = read_pickled(write(batch | {b"data": planes.reshape(6, 3072)}, "data_batch_1"))
    assert examples.image_shape == (32, 32, 3)
    assert examples.labels.tolist() == [3, 1, 4, 1, 5, 9]
    for n, row, column, colour in ((0, 0, 0, 0), (5, 31, 7, 2), (3, 2, 30, 1)):
        assert examples.images[n, row, column, colour] == planes[n, colour, row, column]


@pytest.mark.parametrize(
    ("shape", "image_shape"),
    [
        ((6, 3, 4, 5), (4, 5, 3)),
        ((6, 4, 5, 3), (4, 5, 3)),
        ((6, 1, 4, 5), (4, 5)),
        ((6, 4, 5, 1), (4, 5)),
        ((6, 4, 5), (4, 5)),
        ((6, 4, 5, 6), (1, 120)),
    ],
)
def test_shape_of_an_array_is_kept(write, shape, image_shape):
    examples = read_pickled(write(np.zeros(shape, "u1")))
    assert examples.image_shape == image_shape


@pytest.mark.parametrize("has_parts", [False, True])
def test_fewer_bits_than_the_type_has_are_not_taken_for_black(write, refusal, has_parts):
    x = np.array([[0, 1000, 4095]] * 3, np.uint16)
    path = write([(x, None)] * 3 if has_parts else x)
    refusal(read_dataset, path, "go up to 4095 only", "--scale max")
    assert read_dataset(path, "max").train[0][0, 2] == pytest.approx(1)
    x[0, 2] = 40_000
    assert not read_pickled(write([(x, None), (x // 16, None), (x, None)])).doubt


def test_numbers_in_lists_have_a_limit(write, refusal, monkeypatch):
    monkeypatch.setattr(pickled._Steps, "numbers_left", 1000)
    refusal(read_pickled, write([[0.5] * 4] * 10 + [[0.25 * i] * 4 for i in range(300)]), "numbers")


@pytest.mark.parametrize("make", ["row", "array", "text"])
def test_what_is_in_a_list_a_million_times_is_not_multiplied(write, refusal, make):
    one = {"row": [0.5] * 50_000, "array": np.zeros(1000), "text": "x" * 100_000}[make]
    many = [one] * 20_000
    tracemalloc.start()
    try:
        refusal(read_pickled, write((X4, many) if make == "text" else many))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 * 2**20


def test_list_in_itself_is_refused(write, refusal):
    endless = []
    endless.append(endless)
    refusal(read_pickled, write(endless), "expected ((train_x")


# --- pickles of arrays, but not of a data set

GOOD_X, GOOD_Y = np.full((3, 4), 0.5, "f4"), np.array([0, 1, 2])


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (None, "NoneType"),
        (7, "int"),
        ("text", "str"),
        ({}, "dict"),
        ((), "tuple"),
        (arrays()[:1], "tuple"),
        ([*arrays(), arrays()[0]], "list"),
        ("abc", "str"),
        (((GOOD_X, GOOD_Y, GOOD_Y),) * 3, "tuple"),
        ((GOOD_X,) * 3, "tuple"),
        ({"a": GOOD_X, "b": GOOD_Y}, "dict of a, b"),
        ({"x_train": GOOD_X, "y_train": GOOD_Y}, "dict of x_train, y_train"),
        ([GOOD_X, GOOD_Y, GOOD_Y], "list of arrays"),
        ([1, 2, 3], "list"),
    ],
)
def test_other_layout_is_refused(write, refusal, content, word):
    refusal(read_pickled, write(content), "expected ((train_x, train_y), ", f"got {word}")


@pytest.mark.parametrize("place", [(0, "training"), (1, "validation"), (2, "test")])
@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        ([[0.5]], GOOD_Y, ["1 images but 3 labels"]),
        ([[0.5], [0.5, 1]], GOOD_Y, ["lists that are not all of one length"]),
        ([[0.5], ["text"]], GOOD_Y, ["expected ((train_x", "got list of something else"]),
        ([[0.5], [None]], GOOD_Y, ["expected ((train_x", "got list of something else"]),
        ([GOOD_X, GOOD_X[:2]], GOOD_Y, ["arrays that are not all of one shape"]),
        (GOOD_X, [0, 1], ["3 images", "2 labels"]),
        (GOOD_X, [], ["an empty list"]),
        (GOOD_X, 3, ["got int"]),
        (np.where(np.eye(3, 4), np.nan, GOOD_X), GOOD_Y, ["NaN"]),
        (np.where(np.eye(3, 4), np.inf, GOOD_X), GOOD_Y, ["infinity"]),
        (np.where(np.eye(3, 4), -np.inf, GOOD_X), GOOD_Y, ["infinity"]),
        (np.zeros((0, 4)), np.zeros(0, "i8"), ["empty", "(0, 4)"]),
        (np.zeros((3, 0)), GOOD_Y, ["empty", "(3, 0)"]),
        (GOOD_X[0], GOOD_Y, ["(4,)"]),
        (np.array(0.5), GOOD_Y, ["shape ()"]),
        (GOOD_X, GOOD_Y[:2], ["3 images", "2 labels"]),
        (GOOD_X, np.arange(4), ["3 images", "4 labels"]),
        (GOOD_X, np.eye(3, dtype="i8"), ["int64 of shape (3, 3)"]),
        (GOOD_X, np.array(7).reshape(()), ["int64 of shape ()"]),
        (GOOD_X, GOOD_Y + 0.5, ["whole numbers"]),
        (GOOD_X, np.array([0, np.nan, 1]), ["whole numbers"]),
        (GOOD_X, np.array([0, np.inf, 1]), ["whole numbers"]),
        (GOOD_X, np.array([0, 2**31, 1]), ["32 bits"]),
        (GOOD_X, np.array([0, 2**63, 1], "u8"), ["32 bits"]),
        (GOOD_X, np.array([True, False, True]), ["bool of shape (3,)"]),
    ],
)
def test_unusable_part_is_refused(write, refusal, place, x, y, words):
    position, part_name = place
    content = [(GOOD_X, GOOD_Y)] * 3
    content[position] = (x, y)
    refusal(read_pickled, write(content), f"{part_name} set", *words)


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize(
    ("x", "found"), [(GOOD_X * 3, "1.5"), (GOOD_X - 0.75, "-0.25"), (np.full((3, 4), 9, "u4"), "9")]
)
def test_what_lies_outside_the_unit_interval_is_refused(write, refusal, place, x, found):
    content = [(GOOD_X, GOOD_Y)] * 3
    content[place] = (x, GOOD_Y)
    refusal(read_dataset, write(content), "[0, 1]", found, "--scale minmax")


@pytest.mark.parametrize("members", [(empty_array(), Y), (X, empty_array())])
def test_array_that_was_never_filled_is_refused(write, refusal, members):
    refusal(read_pickled, write(layout(*members)), "training set", "no values")


def test_sets_of_different_size_are_refused(write, refusal):
    content = [(GOOD_X, GOOD_Y), (GOOD_X[:, :2], GOOD_Y), (GOOD_X, GOOD_Y)]
    refusal(read_pickled, write(content), "[4, 2, 4]")
