"""Lesson NN: one function to write and one question."""

from __future__ import annotations

from ...lessons.exercise import exercise, question


@exercise(
    "NN.1",
    title="Title",
    cases=lambda rng: [(int(n),) for n in (1, 3, *rng.integers(4, 10, size=3))],
    solution="""
def double(n):
    return 2 * n
""",
    mistakes=(
        ("That is n times n: the wrong idea in words.", lambda n: n * n),
        ("That adds 2: another wrong idea.", lambda n: n + 2),
    ),
    hints=("What to look at first.", "Nearly the answer."),
)
def double(n: int) -> int:
    """Twice n. The reference may be anything that is surely right; the solution is what a learner would write."""
    return n + n


# The question, as in the lesson: a) one answer  b) another  c) a third
question(
    "NN.2",
    title="A question",
    answer="b",
    wrong={"a": "Why this is not so.", "c": "Why that is not so."},
    why="Why it is so.",
    hints=("Where to look.",),
)
