"""Old scripts as they are: what `deeptutorial run` makes of a file, and of the modules beside it.

`translation` turns source into code, Python 2 or 3; `python2` has what names meant in Python 2;
`old_names` has what NumPy, SciPy and the standard library have given up; `importing` finds modules;
`mnist` the data; `running` puts them together.
"""

from deeptutorial.legacy.running import run_file
from deeptutorial.legacy.translation import TranslatorMissingError

__all__ = ["TranslatorMissingError", "run_file"]
