"""A caller who leaves in the middle neither waits nor leaves the gateway worse."""

import asyncio
import time

import pytest
from conftest import user

SLOW = "trickle_ms=200"
LONG = user("Write about the sea, the wind and the sky, and then about the moon and the tides.")


def test_a_stream_can_be_left_in_the_middle(caller):
    began = time.monotonic()
    events = caller(fault=SLOW).stream(take=3, messages=LONG)
    assert [event.type for event in events] == ["message-start", "content-start", "content-delta"]
    assert time.monotonic() - began < 3
    assert caller().chat(messages=user("Hello")).message.content[0].text


def test_many_left_streams_do_not_use_the_gateway_up(caller):
    for _ in range(12):
        caller(fault=SLOW).stream(take=2, messages=LONG)
    answers = caller().at_once("chat", [{"messages": user(f"Hello {number}")} for number in range(12)])
    assert all(answer.message.content[0].text for answer in answers)


@pytest.mark.parametrize("fault", [SLOW, "delay_ms=3000"])
def test_a_task_can_be_cancelled_and_others_go_on(caller, fault):
    async def run():
        slow, quick = caller(fault=fault), caller()
        async with slow.async_client() as slow_client, quick.async_client() as quick_client:

            async def read():
                async for _ in slow_client.chat_stream(model="command-a-03-2025", messages=LONG):
                    pass

            task = asyncio.create_task(read())
            await asyncio.sleep(0.5)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return await quick_client.chat(model="command-a-03-2025", messages=user("Hello"))

    assert asyncio.run(run()).message.content[0].text
