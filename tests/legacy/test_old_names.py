"""Names that libraries have given up: put back, in a process of its own."""

import subprocess
import sys

CODE = """
import warnings
from deeptutorial.legacy.old_names import restore
restore()
restore()

import collections, fractions, inspect, itertools, operator, os, string, sys, time, types, urllib
import numpy, scipy.misc
from PIL import Image
from scipy.misc import imsave, comb

assert numpy.float is float and numpy.int(3.7) == 3 and numpy.object is object
assert numpy.asscalar(numpy.array([2.5])) == 2.5
assert numpy.product([2, 3]) == 6 and numpy.cumproduct([2, 3])[1] == 6
assert numpy.alltrue([1, 1]) and numpy.sometrue([0, 1]) and numpy.isnan(numpy.NaN)
assert numpy.in1d([1, 2], [2]).tolist() == [False, True] and numpy.rank([[1]]) == 2
with warnings.catch_warnings():
    warnings.simplefilter('ignore')  # NumPy still has it, but says that it will go
    assert set(numpy.random.random_integers(2, 3, 50)) == {2, 3}
assert time.clock() >= 0 and sys.maxint == sys.maxsize
assert string.letters[:2] == 'ab' and string.join(['a', 'b'], '-') == 'a-b'
assert list(itertools.izip([1], [2])) == [(1, 2)] and operator.div(7, 2) == 3
assert fractions.gcd(4, 6) == 2 and issubclass(dict, collections.Mapping)
assert inspect.getargspec(lambda a, b=1: 0)[0] == ['a', 'b']
assert urllib.urlencode({'a': 1}) == 'a=1' and types.ListType is list
assert comb(5, 2) == 10 and scipy.misc.factorial(3) == 6
assert abs(scipy.misc.logsumexp([0, 0]) - numpy.log(2)) < 1e-12

imsave('grey.png', numpy.array([[0., 5.], [10., 2.]]))
pixels = scipy.misc.imread('grey.png')
assert pixels.tolist() == [[0, 128], [255, 51]], pixels
bytes_ = numpy.array([[7, 8]], dtype='uint8')
imsave('bytes.png', bytes_)
assert (scipy.misc.imread('bytes.png') == bytes_).all()
assert scipy.misc.imresize(pixels, (4, 6)).shape == (4, 6)
assert scipy.misc.imresize(pixels, 200).shape == (4, 4)
assert scipy.misc.imresize(pixels, 0.5).shape == (1, 1)
assert scipy.misc.toimage(pixels, mode='L').size == (2, 2)
assert Image.ANTIALIAS == Image.LANCZOS
"""


def test_names_are_back(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", CODE], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
