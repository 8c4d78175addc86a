"""Workflows in layers: each task behind all that it waits for."""

from uuid import UUID

import pytest

from platform_scheduler.console.graphs import layered

A, B, C, D, E = (UUID(int=number) for number in range(1, 6))


@pytest.mark.parametrize(
    ("nodes", "edges", "layers"),
    [
        ([], [], []),
        ([A], [], [[A]]),
        ([A, B], [(A, B)], [[A], [B]]),
        ([B, A], [(A, B)], [[A], [B]]),
        ([A, B, C, D], [(A, B), (A, C), (B, D), (C, D)], [[A], [B, C], [D]]),
        # By its longest way: D waits for C as well, which waits for B.
        ([A, B, C, D], [(A, D), (A, B), (B, C), (C, D)], [[A], [B], [C], [D]]),
        # Crossed as they come, side by side once swept.
        ([A, B, C, D], [(A, D), (B, C)], [[A, B], [D, C]]),
        ([A, B], [(A, B), (B, A)], [[A, B]]),
    ],
)
def test_it_puts_tasks_behind_what_they_wait_for(
    nodes: list[UUID], edges: list[tuple[UUID, UUID]], layers: list[list[UUID]]
) -> None:
    assert layered(nodes, edges) == layers
