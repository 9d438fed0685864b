"""The tree of errors is what its docstring draws, and every error survives a trip between processes."""

from __future__ import annotations

import inspect
import pickle

import pytest

from highbeam import errors


def classes() -> list[type[errors.HighbeamError]]:
    return [
        value for _, value in inspect.getmembers(errors, inspect.isclass) if issubclass(value, errors.HighbeamError)
    ]


def test_the_docstring_draws_the_whole_tree() -> None:
    assert errors.__doc__
    for error in classes():
        assert error.__name__ in errors.__doc__
        assert error.__name__ in errors.__all__


FILES = errors.PictureError | errors.ClipError | errors.LogError


@pytest.mark.parametrize("error", [e for e in classes() if issubclass(e, FILES)])
def test_errors_of_files_name_the_file_and_pickle(
    error: type[errors.PictureError | errors.ClipError | errors.LogError],
) -> None:
    made = error("a/b.png", "is empty; export it again")
    assert str(made) == "a/b.png: is empty; export it again"
    back = pickle.loads(pickle.dumps(made))  # noqa: S301 - our own bytes
    assert type(back) is error
    assert (back.name, back.reason) == ("a/b.png", "is empty; export it again")


def test_usage_errors_are_value_errors() -> None:
    for error in classes():
        if issubclass(error, errors.UsageError):
            assert issubclass(error, ValueError)


def test_a_wrong_topic_is_bad_usage() -> None:
    assert issubclass(errors.TopicError, errors.LogError)
    assert issubclass(errors.TopicError, errors.UsageError)


def test_nearest_names() -> None:
    assert errors.nearest("strenght", ["strength", "gamma"]) == "; did you mean 'strength'?"
    assert errors.nearest("zzz", ["strength", "gamma"]) == ""


def test_missing_halves_are_counted_named_and_pickle() -> None:
    made = errors.MissingHalfError(tuple(f"{k}.png" for k in range(7)))
    assert "7 without the other half of the pair: 0.png" in str(made)
    assert "5.png" not in str(made)
    back = pickle.loads(pickle.dumps(made))  # noqa: S301 - our own bytes
    assert (back.files, str(back)) == (made.files, str(made))
