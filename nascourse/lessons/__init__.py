"""Lessons. What a notebook uses: `setup`, `check`, `hint`, `solution`.

To write lesson NN:

1. ``cp nascourse/making/template.py.txt notebooks/src/NN_slug.py``; replace NN. Markdown cells carry ``lang="en"``;
   Chinese cells (``lang="zh"``) come later, and make the Chinese edition appear. The header may leave parts out
   (``nascourse: {nbval: lax, omit: [Full run]}``). ``nbval: lax`` compares cells tagged ``nbval-check-output`` only:
   tag what is equal in every mode and on every machine, never a trained number. ``strict`` compares all.
2. Its numbers go to `budgets.BUDGETS`, one value for each mode; ``budget = setup("NN")`` has them as attributes.
3. Its exercises go to ``lesson_NN/exercises.py``, found by name: `exercise` decorates a reference, `question` has a
   letter or a number as its answer. The solution is what a learner would write, the reference may be anything that
   is surely right. Two mistakes or more, each with the wrong idea in words and, in every random case taken together,
   other answers than the rest. A stub is valid code with a ``...`` in it.
4. Figures are shown with ``nascourse.viz.show(figure, alt=…)``, widgets bring their own picture; the next cell says
   in a sentence what is seen.
5. ``nascourse notebooks build NN`` executes the source in lesson mode on the CPU, writes ``notebooks/NN_slug.ipynb``
   and says what `lint` found. Paths in code are relative to ``notebooks/`` or, better, found by the package.
   ``pytest tests/lessons tests/notebooks -k NN`` tests exercises and form.
"""

from .checking import check, hint, solution
from .setup import setup

__all__ = ["check", "hint", "setup", "solution"]
