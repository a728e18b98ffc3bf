"""The pulse of a loop: felt from another thread, and not there while something blocks it."""

from __future__ import annotations

import asyncio
import threading

from blackboard.pulse import Pulse
from tests.eventually import async_eventually, eventually


async def test_a_loop_that_goes_on_has_one() -> None:
    pulse = Pulse(asyncio.get_running_loop())
    assert pulse.feel() == 0.0
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert pulse.feel() == 0.0


async def test_a_loop_that_is_blocked_has_none_until_it_goes_on() -> None:
    pulse, felt = Pulse(asyncio.get_running_loop()), []

    def feel() -> None:
        pulse.feel()
        felt.append(eventually(pulse.feel, 10, "the loop does not go on"))

    feeling = threading.Thread(target=feel)
    feeling.start()
    feeling.join()  # which blocks the loop
    assert felt[0] > 0

    async def goes_on() -> bool:
        return pulse.feel() == 0.0

    await async_eventually(goes_on, 10, "the loop goes on")


def test_a_loop_that_has_ended_is_not_asked() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    assert Pulse(loop).feel() == 0.0
