"""What the machine itself does: figures of two days compare where these are alike.

A machine that adds as fast as another may be much slower at waking a process, and what goes from process to process,
an execution by way of the broker, is mostly that.
"""

import os
import sys
import sysconfig
import time

ADDITIONS = 5_000_000
ROUND_TRIPS = 5_000


def python_build() -> str:
    """Say how the interpreter was built: with profile-guided optimization it takes a fifth less CPU.

    A distribution's says nothing of that, and all of them do it.
    """
    if "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or ""):
        return "optimized"
    return "of the distribution" if sys.base_prefix == "/usr" else "not optimized"


def addition_ms(additions: int = ADDITIONS) -> float:
    """Return the milliseconds of CPU that this interpreter takes for so many additions."""
    began, total = time.process_time(), 0
    for number in range(additions):
        total += number
    return (time.process_time() - began) * 1000


def wake_up_us(round_trips: int = ROUND_TRIPS) -> float:
    """Return the microseconds in which a process wakes another by a byte in a pipe, and is woken by it."""
    there_read, there = os.pipe()
    back_read, back = os.pipe()
    child = os.fork()
    if child == 0:
        for _ in range(round_trips):
            os.read(there_read, 1)
            os.write(back, b".")
        os._exit(0)
    began = time.perf_counter()
    for _ in range(round_trips):
        os.write(there, b".")
        os.read(back_read, 1)
    passed = time.perf_counter() - began
    os.waitpid(child, 0)
    for end in (there_read, there, back_read, back):
        os.close(end)
    return passed / round_trips * 1_000_000
