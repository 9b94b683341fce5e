"""WebSocket (RFC 6455) on asyncio streams, for both sides: without extensions, and strict about the other side."""

import asyncio
import base64
import hashlib
import os
import struct
from urllib.parse import urlsplit

from strict import Violation, require

BETWEEN = b"between fragments"
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
MAX_MESSAGE = 16 * 1024 * 1024


class Refused(Exception):
    """The server answered the upgrade with another status than 101."""

    def __init__(self, status):
        super().__init__(f"HTTP {status}")
        self.status = status


class Closed(Exception):
    """The connection has ended; `code` is that of the close frame, 1006 without one."""

    def __init__(self, code=1006):
        super().__init__(f"closed with {code}")
        self.code = code


def accept_of(key):
    return base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()


async def read_head(reader):
    """The first line and the headers of a request or a response, by lower-case name."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head[:-4].split("\r\n")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return first, headers


class WebSocket:
    """An open connection. `receive` returns texts; pings are answered meanwhile."""

    def __init__(self, reader, writer, masks):
        self.reader = reader
        self.writer = writer
        self.masks = masks
        self.pongs = asyncio.Queue()
        self.close_sent = False

    @classmethod
    async def connect(cls, url, headers):
        parts = urlsplit(url)
        require(parts.scheme == "ws", f"only ws: is supported, not {parts.scheme}")
        host = parts.hostname or ""
        # Names below localhost are this machine, and the header Host keeps the name (RFC 6761).
        address = "127.0.0.1" if host == "localhost" or host.endswith(".localhost") else host
        reader, writer = await asyncio.open_connection(address, parts.port or 80, limit=MAX_MESSAGE)
        key = base64.b64encode(os.urandom(16)).decode()
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        lines = [
            f"GET {target} HTTP/1.1",
            f"Host: {parts.netloc}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        try:
            first, answer = await read_head(reader)
        except asyncio.IncompleteReadError as error:
            writer.close()
            raise Closed() from error
        status = int(first.split(" ")[1])
        if status != 101:
            writer.close()
            raise Refused(status)
        require(answer.get("upgrade", "").lower() == "websocket", "the upgrade's response does not upgrade to websocket")
        require("upgrade" in answer.get("connection", "").lower(), "the upgrade's response has no Connection: Upgrade")
        require(answer.get("sec-websocket-accept") == accept_of(key), "Sec-WebSocket-Accept does not match the key")
        require("sec-websocket-extensions" not in answer, "the node uses an extension that was not offered")
        require("sec-websocket-protocol" not in answer, "the node uses a subprotocol that was not offered")
        return cls(reader, writer, masks=True)

    def _frame(self, opcode, data, final=True):
        head = bytes([(0x80 if final else 0) | opcode])
        mask_bit = 0x80 if self.masks else 0
        if len(data) < 126:
            head += bytes([mask_bit | len(data)])
        elif len(data) < 65536:
            head += struct.pack("!BH", mask_bit | 126, len(data))
        else:
            head += struct.pack("!BQ", mask_bit | 127, len(data))
        if not self.masks:
            return head + data
        mask = os.urandom(4)
        repeated = mask * (len(data) // 4 + 1)
        masked = int.from_bytes(data, "big") ^ int.from_bytes(repeated[: len(data)], "big")
        return head + mask + masked.to_bytes(len(data), "big")

    def send(self, text, fragment=0):
        """Writes a text message; in fragments of this many bytes, with a ping after the first."""
        if self.close_sent:
            raise Closed()
        data = text.encode()
        if not fragment or len(data) <= fragment:
            self.writer.write(self._frame(TEXT, data))
            return
        pieces = [data[at : at + fragment] for at in range(0, len(data), fragment)]
        for index, piece in enumerate(pieces):
            opcode = TEXT if index == 0 else CONTINUATION
            self.writer.write(self._frame(opcode, piece, final=index == len(pieces) - 1))
            if index == 0:
                self.writer.write(self._frame(PING, BETWEEN))

    def ping(self, data=b""):
        self.writer.write(self._frame(PING, data))

    async def receive(self):
        """The next text. Raises Closed at the end."""
        parts, size, started = [], 0, False
        while True:
            final, opcode, data = await self._read_frame()
            if opcode == PING:
                self.writer.write(self._frame(PONG, data))
            elif opcode == PONG:
                if data != BETWEEN:
                    self.pongs.put_nowait(data)
            elif opcode == CLOSE:
                raise Closed(self._on_close(data))
            else:
                require(opcode != BINARY, "a binary message")
                require((opcode == CONTINUATION) == started, "fragments of a message out of order")
                started = True
                size += len(data)
                require(size <= MAX_MESSAGE, f"a message of more than {MAX_MESSAGE} bytes")
                parts.append(data)
                if final:
                    try:
                        return b"".join(parts).decode()
                    except UnicodeDecodeError as error:
                        raise Violation("a text message that is not UTF-8") from error

    def _on_close(self, data):
        require(len(data) != 1, "a close frame with half a code")
        code = struct.unpack("!H", data[:2])[0] if data else 1005
        require(code in (1000, 1001, 1002, 1003, 1005, 1007, 1008, 1009, 1010, 1011, 1012, 1013) or 3000 <= code < 5000, f"close code {code}")
        self.close(1000 if code == 1005 else code)
        return code

    async def _read_frame(self):
        try:
            first, second = await self.reader.readexactly(2)
            require(first & 0x70 == 0, "a frame with reserved bits")
            opcode, final = first & 0x0F, first & 0x80 != 0
            require(opcode in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG), f"opcode {opcode}")
            is_masked, length = second & 0x80 != 0, second & 0x7F
            require(is_masked != self.masks, "a client's frames are masked, a server's are not")
            require(opcode < 8 or (final and length < 126), "a control frame that is fragmented or too long")
            if length == 126:
                (length,) = struct.unpack("!H", await self.reader.readexactly(2))
            elif length == 127:
                (length,) = struct.unpack("!Q", await self.reader.readexactly(8))
            require(length <= MAX_MESSAGE, f"a frame of {length} bytes")
            mask = await self.reader.readexactly(4) if is_masked else b""
            data = await self.reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise Closed() from error
        if mask:
            repeated = mask * (length // 4 + 1)
            data = (int.from_bytes(data, "big") ^ int.from_bytes(repeated[:length], "big")).to_bytes(length, "big")
        return final, opcode, data

    def close(self, code=1000):
        """Sends a close frame. The other side answers with one, and `receive` ends."""
        if self.close_sent:
            return
        self.close_sent = True
        try:
            self.writer.write(self._frame(CLOSE, struct.pack("!H", code)))
        except ConnectionError:
            pass

    def kill(self):
        """Resets the connection without a close frame."""
        self.writer.transport.abort()
