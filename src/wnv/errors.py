"""Exceptions that wnv raises. Everything else that goes wrong is a row in `diagnostics`."""

from __future__ import annotations


class WnvError(Exception):
    """An unusable input or a wrong call.

    The text says what was found and what was expected; `advice`, when there is one, says what to try.
    """

    is_quiet = False
    """Nothing that a person has to be told of."""

    def __init__(self, text: str, *, advice: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.text}. {self.advice}" if self.advice else self.text

    def lines(self) -> list[str]:
        """What is wrong, for people, before the advice."""
        return [self.text]


class UsageError(WnvError):
    """The caller asked for something that does not exist or cannot be combined (exit code 2)."""
