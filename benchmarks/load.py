"""A closed-loop HTTP load: a few connections that each ask again as soon as they are answered."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import numpy as np


@dataclass(frozen=True)
class Measured:
    """Latencies in milliseconds of every answer, and the seconds that the run took."""

    milliseconds: np.ndarray[Any, np.dtype[np.float64]]
    seconds: float
    errors: int

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.milliseconds) / self.seconds

    def quantile(self, share: float) -> float:
        """A quantile of the latencies, in milliseconds."""
        return float(np.quantile(self.milliseconds, share))


def load(
    url: str, path: str, bodies: Iterator[Any], count: int, connections: int, rate: float = 0.0
) -> Measured:
    """POST `count` bodies over `connections` keep-alive connections; `rate` a second, or as fast as answered."""
    return asyncio.run(_load(url, path, bodies, count, connections, rate))


async def _load(
    url: str, path: str, bodies: Iterator[Any], count: int, connections: int, rate: float
) -> Measured:
    address = urlsplit(url)
    latencies: list[float] = []
    errors = 0
    requests = iter(_requests(address.netloc, path, bodies, count))
    started = time.perf_counter()
    asked = 0

    async def connection() -> None:
        nonlocal errors, asked
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        for request in requests:
            if rate:
                due = started + asked / rate
                asked += 1
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
            begun = time.perf_counter()
            writer.write(request)
            status = await _answer(reader)
            latencies.append(1000.0 * (time.perf_counter() - begun))
            errors += status != 200
        writer.close()

    await asyncio.gather(*(connection() for _ in range(connections)))
    return Measured(np.asarray(latencies), time.perf_counter() - started, errors)


def _requests(host: str, path: str, bodies: Iterator[Any], count: int) -> Iterator[bytes]:
    for _, body in zip(range(count), bodies, strict=False):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        head += f"Content-Length: {len(data)}\r\n\r\n"
        yield head.encode() + data


async def _answer(reader: asyncio.StreamReader) -> int:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    status = int(head.split(b" ", 2)[1])
    if b"transfer-encoding: chunked" in head:
        while (size := int((await reader.readline()).split(b";")[0], 16)) > 0:
            await reader.readexactly(size + 2)
        await reader.readline()
    else:
        at = head.index(b"content-length:") + len(b"content-length:")
        await reader.readexactly(int(head[at:].split(b"\r\n", 1)[0]))
    return status
