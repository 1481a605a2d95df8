"""What all commands share: exit codes, errors of one line, warnings of one line."""

import io
import os
import re
import sys
import traceback
import warnings
from typing import Any, NoReturn

import click

OK, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130


class Failure(Exception):
    """Ends the command with one line on stderr and this exit code."""

    def __init__(self, message: str, code: int = BAD_INPUT) -> None:
        super().__init__(message)
        self.code = code


def debugging() -> bool:
    """``GPUNN_DEBUG=1`` adds the traceback to every error."""
    return os.environ.get("GPUNN_DEBUG", "") not in ("", "0")


def one_line(error: BaseException | str) -> str:
    """The message of an error without line breaks, lists with semicolons; the type's name where there is no message."""
    text = re.sub(r"(\n\s*- [^\n]*[^\n.;:])\n(?!\s*- )", r"\1.\n", str(error))  # the end of a list
    text = re.sub(r"(?<!:)\s*\n\s*- ", "; ", text)
    text = re.sub(r":\s*\n\s*- ", ": ", text)
    return " ".join(text.split()) or type(error).__name__


def number(value: float) -> str:
    """Four decimals, or powers of ten where that would be too long for a column."""
    return f"{value:.4f}" if not abs(value) >= 1e5 else f"{value:.3e}"


def say_error(error: BaseException | str) -> None:
    """One red line on stderr, after the traceback where one was asked for."""
    if debugging() and isinstance(error, BaseException):
        traceback.print_exception(error)
    _say("error: ", one_line(error), "red")


def say_warning(text: str) -> None:
    """One yellow line on stderr."""
    _say("warning: ", one_line(text), "yellow")


def _say(head: str, text: str, colour: str) -> None:
    # On a pipe click takes the colours out by itself; NO_COLOR is https://no-color.org.
    colours = False if os.environ.get("NO_COLOR") else None
    # sys.stderr by name, not err=True: that finds its way past the live progress bar, whose stand-in sys.stderr may be.
    click.echo(click.style(head, fg=colour, bold=True) + click.style(text, fg=colour), file=sys.stderr, color=colours)


def _show_warning(message: Warning | str, *_where: Any, **_more: Any) -> None:
    say_warning(str(message))


class Commands(click.Group):
    """A click group whose commands return their exit code and whose errors are one line on stderr."""

    def main(self, *args: Any, **named: Any) -> NoReturn:
        named["standalone_mode"] = False  # click would print a usage error over several lines, and end the process by itself
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")  # a terminal that cannot show a character shows "?", instead of ending the run
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            code = self._guarded(*args, **named)
        sys.exit(code)

    def _guarded(self, *args: Any, **named: Any) -> int:
        try:
            code = super().main(*args, **named)
        except Failure as error:
            say_error(error)
            return error.code
        except click.UsageError as error:
            help_command = error.ctx.command_path if error.ctx else self.name
            say_error(f"{error.format_message()} See: {help_command} --help")
            return BAD_INPUT
        except click.ClickException as error:
            say_error(error.format_message())
            return BAD_INPUT
        except (click.Abort, KeyboardInterrupt):
            say_error("interrupted")
            return INTERRUPTED
        except Exception as error:
            hint = "" if debugging() else " (GPUNN_DEBUG=1 shows where)"
            if debugging():
                traceback.print_exception(error)
            say_error(f"{type(error).__name__}: {one_line(error)}{hint}")
            return FAILED
        return code if isinstance(code, int) else OK
