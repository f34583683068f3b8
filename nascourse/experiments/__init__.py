"""The experiments behind the lessons' claims: one module a lesson, ``lesson_NN.py``, found by `nascourse.evidence`."""
