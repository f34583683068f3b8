"""The exercises: `check`, `hint` and `solution` for the learner; `exercise` and `question` for the author."""

from .checking import NotPassed, Verdict, check, hint, same, solution, verdict
from .registry import CodeExercise, Exercise, Question, exercise, find, ids_of, lessons_with_exercises, question

__all__ = [
    "CodeExercise",
    "Exercise",
    "NotPassed",
    "Question",
    "Verdict",
    "check",
    "exercise",
    "find",
    "hint",
    "ids_of",
    "lessons_with_exercises",
    "question",
    "same",
    "solution",
    "verdict",
]
