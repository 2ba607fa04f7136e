"""Waiting: the one thing that the two flavours of the client do not have under one name."""

import time

import anyio

sleep = time.sleep
async_sleep = anyio.sleep  # with asyncio and with trio, as httpx
