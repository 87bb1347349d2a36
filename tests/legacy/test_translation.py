"""Python 2's meaning in Python 3: each thing that translators lose, in process."""

import sys
import types

import pytest

from deeptutorial.legacy.python2 import BUILTINS, divide
from deeptutorial.legacy.translation import translate


def executed(source, python2=False):
    """Translate and run a source; return its names."""
    translated = translate(source.encode(), "old.py", python2)
    module = types.ModuleType("old")
    if translated.python2:
        module.__builtins__ = BUILTINS
    exec(translated.code, vars(module))
    return vars(module)


def value(expression, **names):
    """Return the value of an expression of Python 2."""
    assignments = "".join(f"{name} = {held!r}\n" for name, held in names.items())
    return executed(f"{assignments}value = {expression}\n", python2=True)["value"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("7 / 2", 3),
        ("-7 / 2", -4),
        ("7 / 2.0", 3.5),
        ("True / 2", 0),
        ("map(lambda x: x + 1, [1, 2])[0]", 2),
        ("map(None, [1, 2], 'ab')", [(1, "a"), (2, "b")]),
        ("map(lambda a, b: b, [1, 2], [3])", [3, None]),
        ("zip([1, 2], 'ab')[1]", (2, "b")),
        ("filter(None, (0, 1))", (1,)),
        ("filter(lambda c: c > 'a', 'abc')", "bc"),
        ("range(3) + [7]", [0, 1, 2, 7]),
        ("list(xrange(7 / 2))", [0, 1, 2]),
        ("{1: 2}.keys() + {3: 4}.values()", [1, 4]),
        ("{1: 2}.items()[0]", (1, 2)),
        ("__import__('collections').OrderedDict([(1, 2)]).keys()", [1]),
        ("list({1: 2}.iteritems())", [(1, 2)]),
        ("{1: 2}.has_key(1)", True),
        ("iter([5]).next()", 5),
        ("sorted([1, 3, 2], lambda a, b: cmp(b, a))", [3, 2, 1]),
        ("sorted(['b', 'A'], key=str.lower)", ["A", "b"]),
        ("round(2.5)", 3.0),
        ("round(-0.125, 2)", -0.13),
        ("reduce(lambda a, b: a * b, [1, 2, 3])", 6),
        ("unicode(3) + unichr(65) + u'x'", "3Ax"),
        ("isinstance('a', basestring)", True),
        ("010 + 10L", 18),
        ("`1` + repr(2)", "12"),
        ("1 <> 2", True),
        ("apply(max, (1, 5))", 5),
        ("__import__('numpy').int8([65, 66]).tostring()", b"AB"),
    ],
)
def test_expressions(expression, expected):
    found = value(expression)
    assert found == expected
    assert type(found) is type(expected)


def test_division_in_place_keeps_whole_numbers_whole():
    names = executed(
        "a = 7\na /= 2\nb = [9, 9.0]\nb[0] /= 2\nb[1] /= 2\n"
        "class C: x = 5\nC.x /= 2\nimport numpy\nc = numpy.arange(4)\nd = c\nc /= 2\n",
        python2=True,
    )
    assert (names["a"], names["b"], names["C"].x) == (3, [4, 4.5], 2)
    assert names["d"].tolist() == [0, 0, 1, 1]


def test_future_division_divides():
    assert executed("from __future__ import division\nprint 1\na = 7 / 2\n")["a"] == 3.5


def test_symbolic_integers_divide_as_integers():
    import pytensor.tensor as pt

    assert divide(pt.lscalar(), 2).dtype == "int64"
    assert divide(pt.dscalar(), 2).dtype == "float64"


def test_statements(capsys):
    names = executed(
        "import sys\n"
        "print 'a', 1,\n"
        "print\n"
        "print >> sys.stderr, 'to stderr'\n"
        "print ('b', 2)\n"
        "try:\n    raise ValueError, 'why'\nexcept (ValueError, KeyError), e:\n    s = str(e)\n"
        "exec 'z = 5'\n"
        "def f(a, (b, c)):\n    return a + b * c\n"
        "g = lambda (a, b): a - b\n"
        "results = f(1, (2, 3)), g((5, 1)), s, z\n"
    )
    captured = capsys.readouterr()
    assert captured.out == "a 1 \n('b', 2)\n"
    assert captured.err == "to stderr\n"
    assert names["results"] == (7, 4, "why", 5)


def test_classes():
    names = executed(
        "class Up(object):\n"
        "    def __init__(self): self.n = 0\n"
        "    def __iter__(self): return self\n"
        "    def next(self):\n"
        "        if self.n / 2: raise StopIteration\n"
        "        self.n += 1\n"
        "        return self.n\n"
        "    def __nonzero__(self): return self.n > 0\n"
        "    def __div__(self, other): return 'divided'\n"
        "up = Up()\nseen = bool(up), list(up), bool(up), up / 3\n",
        python2=True,
    )
    assert names["seen"] == (False, [1, 2], True, "divided")


def test_lists_sorted_in_place():
    names = executed(
        "k = {'b': 1, 'a': 2}.keys()\nk.sort()\nl = [1, 2]\nl.sort(lambda a, b: b - a)\n",
        python2=True,
    )
    assert (names["k"], names["l"]) == (["a", "b"], [2, 1])


def test_modules_by_their_old_names():
    names = executed(
        "import cPickle, Queue, ConfigParser, urllib2, copy_reg\n"
        "from cStringIO import StringIO\nfrom urlparse import urlparse\n"
        "q = Queue.Queue\nback = cPickle.loads(cPickle.dumps([1, 'a'], -1))\n"
        "s = StringIO(); cPickle.dump({1: 2}, s); s.seek(0); again = cPickle.load(s)\n"
    )
    assert names["back"] == [1, "a"]
    assert names["again"] == {1: 2}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # left open, as then
def test_files(tmp_path):
    names = executed(
        "import csv\n"
        f"folder = {str(tmp_path)!r} + '/'\n"
        "f = open(folder + 'a', 'w'); f.write('caf\\xe9\\r\\n'); print >> f, 1; f.close()\n"
        "text = open(folder + 'a').read()\n"
        "lines = [l for l in open(folder + 'a', 'rU')]\n"
        "f = open(folder + 'b.csv', 'wb'); csv.writer(f).writerow([1, 'x']); f.close()\n"
        "rows = list(csv.reader(open(folder + 'b.csv', 'rb')))\n"
        "dicts = list(csv.DictReader(file(folder + 'b.csv', 'rb'), ['a', 'b']))\n"
        "import cPickle\n"
        "f = open(folder + 'c', 'w'); cPickle.dump([1], f); cPickle.dump(2, f); f.close()\n"
        "f = open(folder + 'c'); pair = cPickle.load(f), cPickle.load(f)\n"
    )
    assert names["text"] == "café\r\n1\n"
    assert names["lines"] == ["café\n", "1\n"]
    assert names["rows"] == [["1", "x"]]
    assert names["dicts"] == [{"a": "1", "b": "x"}]
    assert names["pair"] == ([1], 2)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_bytes_that_are_no_text_come_out_as_they_went_in(tmp_path):
    (tmp_path / "in").write_bytes(b"\xff\x00a\n")
    executed(
        f"folder = {str(tmp_path)!r} + '/'\n"
        "open(folder + 'out', 'w').write(open(folder + 'in').read())\nprint 'done'\n"
    )
    assert (tmp_path / "out").read_bytes() == b"\xff\x00a\n"


@pytest.mark.parametrize(
    ("source", "is_python2"),
    [
        ("print 1\n", True),
        ("print(1)\n", False),
        ("import cPickle\n", True),
        ("try:\n    import cPickle\nexcept ImportError:\n    import pickle\n", False),
        ("try:\n    xrange\nexcept NameError:\n    xrange = range\nxrange(3)\n", False),
        ("for i in xrange(3): pass\n", True),
        ("d = {}\nd.iteritems()\n", True),
        ("def f(unicode): return unicode\n", False),
        ("a = 7 / 2\n", False),
    ],
)
def test_python_2_is_recognised(source, is_python2):
    assert translate(source.encode(), "old.py").python2 is is_python2


def test_line_numbers_are_the_sources_own():
    source = "def f((a, b)):\n    c = 1\n    return a / c\n\nf((1, 2))\nraise KeyError, 'x'\n"
    with pytest.raises(KeyError) as caught:
        executed(source)
    assert caught.traceback[-1].lineno + 1 == 6


def test_tabs_are_as_wide_as_in_python_2():
    assert executed("if True:\n\ta = 1\n        b = 2\nprint a\n")["b"] == 2


def test_encodings():
    assert executed("# -*- coding: latin-1 -*-\ns = '\xe9'\n", python2=True)["s"]
    latin = b"# caf\xe9\nprint 1\n"
    assert translate(latin, "old.py").python2


def test_python_3_only_stays_so_in_a_python_2_program():
    assert not translate(b"match x:\n    case 1:\n        pass\n", "new.py", True).python2


def test_neither_is_a_syntax_error_of_the_file():
    with pytest.raises(SyntaxError) as caught:
        translate(b"x = 1\ny = (\n", "bad.py")
    assert caught.value.filename == "bad.py"


def test_without_the_translator_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "fissix.refactor", None)
    with pytest.raises(ImportError, match=r"deeptutorial\[theano\]"):
        translate(b"print 1\n", "old.py")
