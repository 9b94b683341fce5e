"""One WebSocket to a node: frames out, replies in, and a reconnect after each loss, as SDKs of layr8 do it."""

import asyncio
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import frames
from node_frames import check_push_response, check_reply
from strict import require
from websocket import Closed, Refused, WebSocket

REPLY_TIMEOUT = 15


class NotConnected(Exception):
    """The link is down. SDKs do not queue."""


class Link:
    """Owns refs and replies. The owner gets every other frame."""

    def __init__(self, url, api_key, generation, owner, fragment=0, backoff=1.0):
        self.url = url
        self.api_key = api_key
        self.generation = generation
        self.owner = owner
        self.fragment = fragment
        self.backoff = backoff
        self.socket = None
        self.closing = False
        self.ref = 0
        # By ref: the topic, the future of its reply, and a function that is called when the reply is read.
        self.sent = {}
        self.replied = set()
        self.reader = None

    @property
    def up(self):
        return self.socket is not None

    def _target(self):
        parts = urlsplit(self.url)
        query = [*parse_qsl(parts.query), ("vsn", "2.0.0")]
        if self.generation.key_in_query:
            query.append(("api_key", self.api_key))
            return urlunsplit(parts._replace(query=urlencode(query))), {}
        return urlunsplit(parts._replace(query=urlencode(query))), {"x-api-key": self.api_key}

    async def open(self):
        url, headers = self._target()
        socket = await WebSocket.connect(url, headers)
        self.ref, self.sent, self.replied = 0, {}, set()
        self.socket = socket
        self.reader = self.owner.spawn(self._read(socket))

    def post(self, topic, event, payload, join_ref=None, is_join=False, waits=False, on_reply=None):
        """Writes a frame. @returns its ref, and the future of its reply if `waits`."""
        if self.socket is None:
            raise NotConnected()
        self.ref += 1
        ref = str(self.ref)
        future = asyncio.get_running_loop().create_future() if waits else None
        self.sent[ref] = (topic, future, on_reply)
        self.socket.send(frames.encode(ref if is_join else join_ref, ref, topic, event, payload), self.fragment)
        return ref, future

    async def push(self, topic, event, payload, join_ref=None, is_join=False, on_reply=None):
        """@returns the ref, and status and response of the reply."""
        ref, future = self.post(topic, event, payload, join_ref, is_join, waits=True, on_reply=on_reply)
        status, response = await asyncio.wait_for(future, REPLY_TIMEOUT)
        return ref, status, response

    async def heartbeat(self):
        _, status, response = await self.push("phoenix", "heartbeat", {})
        require(status == "ok" and response == {}, f"the answer to a heartbeat: {status} {response}")

    async def ping(self, data):
        self.socket.ping(data.encode())
        pong = await asyncio.wait_for(self.socket.pongs.get(), REPLY_TIMEOUT)
        require(pong == data.encode(), f"a pong with {pong!r} instead of {data!r}")

    async def close(self):
        self.closing = True
        if self.socket is not None:
            self.socket.close()
        if self.reader is not None:
            await asyncio.wait([self.reader], timeout=REPLY_TIMEOUT)

    async def _read(self, socket):
        try:
            while True:
                self._on_frame(*frames.decode(await socket.receive()))
        except Closed as closed:
            self._lost(closed.code)
        finally:
            socket.kill()

    def _on_frame(self, join_ref, ref, topic, event, payload):
        if event == "phx_reply":
            self._on_reply(join_ref, ref, topic, payload)
        else:
            # Phoenix ends a channel with the ref of its join.
            ends = event in ("phx_close", "phx_error") and ref == join_ref
            require(ref is None or ends, f"a push of the node has no ref: {event} {ref!r}")
            require(topic != "phoenix", f"the node reports an unreadable frame: {event} {payload}")
            self.owner.on_frame(join_ref, topic, event, payload)

    def _on_reply(self, join_ref, ref, topic, payload):
        require(ref in self.sent, f"a reply to {ref!r}, which was not sent on this connection")
        require(ref not in self.replied, f"a second reply to {ref}")
        self.replied.add(ref)
        sent_topic, future, on_reply = self.sent[ref]
        require(topic == sent_topic, f"the reply to a frame on {sent_topic} is on {topic}")
        require(join_ref is None or join_ref in self.sent, f"join_ref {join_ref!r} is that of no join")
        status, response = check_reply(payload)
        if status == "ok" and "did" not in response:
            check_push_response(response)
        if on_reply is not None:
            on_reply(ref, status, response)
        if future is not None and not future.done():
            future.set_result((status, response))

    def _lost(self, code):
        self.socket = None
        for _, future, _ in self.sent.values():
            if future is not None and not future.done():
                future.set_exception(NotConnected())
        self.sent = {}
        self.owner.on_disconnect(code)
        if not self.closing:
            self.owner.spawn(self._reconnect())

    async def _reconnect(self):
        delay = self.backoff
        while not self.closing:
            await asyncio.sleep(delay)
            delay = min(delay * 2, 30)
            try:
                await self.open()
                break
            except (OSError, Closed, Refused):
                continue
        try:
            await self.owner.on_open()
        except NotConnected:
            # Lost again: `_lost` has started the next attempt.
            pass
