"""How far a long command has come: a bar on a terminal, silence where somebody has piped it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Advance = Callable[[], None]
Say = Callable[[str], None]


@contextmanager
def shown(title: str, *, total: int, stream: IO[str], say: Say) -> Iterator[tuple[Advance, Say]]:
    """Show a bar on the stream while the block runs, if the stream is a terminal.

    Yields what moves it by one, and what says a line beside it: `say` itself where there is no bar.
    """
    if not stream.isatty():
        yield lambda: None, say
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(file=stream)
    # transient: what remains on the screen is what a pipe would have been told.
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task(title, total=total)
        yield (
            lambda: progress.advance(bar),
            lambda line: console.print(line, markup=False, highlight=False, soft_wrap=True),
        )
