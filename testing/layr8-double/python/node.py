"""A node of layr8, as small as agents need it: Phoenix Channels, messages between its agents, and the REST API of a wallet.

It knows nothing of Parley, and ends at whatever a node of layr8 would not know.
"""

import asyncio
import json
import uuid
from urllib.parse import parse_qsl, unquote, urlsplit

import frames
from agent_frames import check_ack, check_body, check_dispatch_reply, check_join, check_message
from strict import is_did, is_text, read_json, require
from websocket import Closed, WebSocket, accept_of, read_head

SOCKET = "/plugin_socket/websocket"
REPORT = "https://didcomm.org/report-problem/2.0/problem-report"
REASONS = {101: "Switching Protocols", 200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 403: "Forbidden", 404: "Not Found"}


class Joined:
    """A topic of a socket."""

    def __init__(self, socket, topic, join_ref, did, payload):
        self.socket = socket
        self.topic = topic
        self.join_ref = join_ref
        self.did = did
        self.types = payload["payload_types"]
        self.replies = payload.get("reply_protocol", False)
        self.in_flight = set()


class Node:
    def __init__(self, options, emit, spawn):
        self.options = options
        self.emit = emit
        self.spawn = spawn
        self.server = None
        self.sockets = set()
        # By DID.
        self.joined = {}
        self.stored = []
        self.refuses = {}

    async def start(self):
        """Each start after the first uses the same port."""
        port = self.port if self.server is not None else 0
        self.server = await asyncio.start_server(lambda reader, writer: self.spawn(self._accept(reader, writer)), "127.0.0.1", port)
        self.port = self.server.sockets[0].getsockname()[1]
        return {"url": f"ws://localhost:{self.port}{SOCKET}"}

    async def stop(self):
        self.server.close()
        self.kill()

    def kill(self):
        for socket in list(self.sockets):
            socket.kill()

    # HTTP

    async def _accept(self, reader, writer):
        try:
            first, headers = await read_head(reader)
            method, target, version = first.split(" ")
            require(version == "HTTP/1.1", version)
            if urlsplit(target).path == SOCKET:
                await self._upgrade(method, target, headers, reader, writer)
            else:
                await self._call(method, target, headers, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer(self, writer, status, body=None, headers=()):
        text = b"" if body is None else json.dumps(body).encode()
        lines = [f"HTTP/1.1 {status} {REASONS.get(status, '')}", *headers]
        if status != 101:
            lines += [f"Content-Length: {len(text)}", "Content-Type: application/json", "Connection: close"]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + text)

    async def _call(self, method, target, headers, reader, writer):
        require(headers.get("x-api-key") == self.options["apiKey"], "a REST call without the API key")
        parts = urlsplit(target)
        text = await reader.readexactly(int(headers.get("content-length", 0)))
        if text:
            require(headers.get("content-type", "").startswith("application/json"), f"content-type {headers.get('content-type')}")
        body = read_json(text.decode()) if text else None
        if parts.path in self.options.get("failing", []):
            return self._answer(writer, 500, {"error": "a fault of the test"})
        status, answer = self._rest(method, parts, body)
        self.emit("rest", {"method": method, "path": target, "body": body})
        self._answer(writer, status, answer)

    def _rest(self, method, parts, body):
        path, query = parts.path, parse_qsl(parts.query, strict_parsing=True) if parts.query else []
        if method == "GET" and path == "/api/v1/credentials":
            require([name for name, _ in query] == ["holder_did"], f"the query of a list: {query}")
            holder = query[0][1]
            return 200, {"credentials": [entry for entry in self.stored if entry["holder_did"] == holder]}
        require(not query, f"a query of {method} {path}: {query}")
        if method == "GET" and path.startswith("/api/v1/credentials/"):
            found = [entry for entry in self.stored if entry["id"] == unquote(path.rpartition("/")[2])]
            return (200, found[0]) if found else (404, {"error": "not found"})
        if path.startswith("/api/v1/dids/") and path.endswith("/mediator"):
            did = path.removeprefix("/api/v1/dids/").removesuffix("/mediator")
            require(is_did(did), f"the DID is in the path as it is: {path}")
            require(method == "DELETE" or (method == "PUT" and list(body) == ["routing_did"] and is_did(body["routing_did"])), f"{method} {body}")
            return 204, None
        require(method == "POST" and path in ("/api/v1/credentials", "/api/v1/credentials/sign", "/api/v1/credentials/verify"), f"{method} {path}")
        check_body(path, body)
        if path.endswith("/sign"):
            # A node of layr8 refuses a credential without these.
            require(is_text(body["credential"].get("id")) and "issuer" in body["credential"], "a credential without id or issuer: 422")
            return 200, {"signed_credential": self.options.get("signed", "e30.e30.c2ln")}
        if path.endswith("/verify"):
            return 200, {"credential": {"type": ["VerifiableCredential"]}, "headers": {"alg": "EdDSA"}}
        stored = {"id": str(uuid.uuid4()), **body}
        self.stored.append(stored)
        return 201, stored

    async def _upgrade(self, method, target, headers, reader, writer):
        require(method == "GET" and headers.get("upgrade", "").lower() == "websocket", f"{method} {target} is not an upgrade")
        require(headers.get("sec-websocket-version") == "13", "Sec-WebSocket-Version")
        query = parse_qsl(urlsplit(target).query, strict_parsing=True)
        names = [name for name, _ in query]
        require(sorted(names) in (["vsn"], ["api_key", "vsn"]), f"the query of an upgrade: {names}")
        require(dict(query)["vsn"] == "2.0.0", "vsn is 2.0.0")
        presented = dict(query).get("api_key") if self.options.get("keyInQuery") else headers.get("x-api-key")
        self.emit("upgrade", {"inQuery": "api_key" in names, "inHeader": "x-api-key" in headers, "host": headers.get("host")})
        if presented != self.options["apiKey"]:
            return self._answer(writer, 403)
        accepted = accept_of(headers["sec-websocket-key"])
        self._answer(writer, 101, headers=["Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Accept: {accepted}"])
        await self._serve(WebSocket(reader, writer, masks=False))

    # Phoenix

    async def _serve(self, socket):
        self.sockets.add(socket)
        topics, refs = {}, set()
        try:
            while True:
                join_ref, ref, topic, event, payload = frames.decode(await socket.receive())
                require(is_text(ref), f"{event} without a ref")
                require(ref not in refs, f"the ref {ref} twice on one connection")
                refs.add(ref)
                self._on_frame(socket, topics, (join_ref, ref, topic, event, payload))
        except Closed:
            pass
        finally:
            self.sockets.discard(socket)
            for joined in topics.values():
                if self.joined.get(joined.did) is joined:
                    del self.joined[joined.did]
            self.emit("gone", {"topics": list(topics)})
            socket.kill()

    def _on_frame(self, socket, topics, frame):
        join_ref, ref, topic, event, payload = frame
        if event == "heartbeat":
            require(topic == "phoenix" and payload == {} and join_ref is None, f"a heartbeat: {frame}")
            self.emit("heartbeat", {})
            return self._reply(socket, None, ref, topic, "ok", {})
        if event == "phx_join":
            return self._join(socket, topics, frame)
        require(topic in topics, f"{event} on {topic}, which is not joined")
        joined = topics[topic]
        require(join_ref in (None, joined.join_ref), f"join_ref {join_ref!r} is not that of {topic}")
        if event == "phx_leave":
            require(payload == {} and join_ref == joined.join_ref, "a leave without the join_ref of its topic is ignored, and the DID stays bound")
            del topics[topic]
            if self.joined.get(joined.did) is joined:
                del self.joined[joined.did]
            self.emit("leave", {"did": joined.did})
            self._reply(socket, join_ref, ref, topic, "ok", {})
            return socket.send(frames.encode(join_ref, join_ref, topic, "phx_close", {}))
        if event == "message":
            return self._message(joined, ref, payload)
        settled = self._settled(joined, event, payload)
        joined.in_flight.difference_update(settled)
        self.emit(event, {"did": joined.did, **payload})
        self._reply(socket, joined.join_ref, ref, topic, "ok", {})

    def _settled(self, joined, event, payload):
        if event == "ack":
            require(not joined.replies or "reply_protocol/1" not in self._capabilities(), "an ack although the reply protocol was agreed")
            return check_ack(payload, joined.in_flight)
        require(event == "dispatch_reply", f"a node of layr8 does not know the event {event}")
        require(joined.replies and "reply_protocol/1" in self._capabilities(), "dispatch_reply although the reply protocol was not agreed")
        return [check_dispatch_reply(payload, joined.in_flight)]

    def _capabilities(self):
        return self.options.get("capabilities", ["reply_protocol/1", "wildcard/1"])

    def _join(self, socket, topics, frame):
        join_ref, ref, topic, _, payload = frame
        require(join_ref == ref, "the join_ref of a join is its ref")
        require(topic.startswith("plugins:") and topic not in topics, f"a join of {topic}")
        asked = topic.removeprefix("plugins:") or None
        parent = check_join(payload, asked)
        self.emit("join", {"topic": topic, "payload": payload})
        if asked in self.refuses:
            return self._reply(socket, ref, ref, topic, "error", {"reason": self.refuses[asked]})
        did = asked or f"did:web:localhost:{uuid.uuid4()}"
        joined = Joined(socket, topic, ref, did, payload)
        topics[topic] = joined
        if asked is None:
            # Newer SDKs use the topic of the DID.
            topics[f"plugins:{did}"] = joined
        self.joined[did] = joined
        response = {"did": did}
        if "capabilities" not in self.options or self.options["capabilities"]:
            response["capabilities"] = self._capabilities()
        if parent is not None:
            response["delegated_credentials"] = {"status": "complete", "revision": 0, "credentials": self.options.get("delegated", [])}
        self._reply(socket, ref, ref, topic, "ok", response)

    def _message(self, joined, ref, plaintext):
        check_message(plaintext, joined.did)
        self.emit("message", {"did": joined.did, "plaintext": plaintext})
        denial = self.options.get("denies")
        if denial is not None and plaintext["type"] == denial:
            self._reply(joined.socket, joined.join_ref, ref, joined.topic, "ok", {})
            return self._deny(joined, plaintext)
        unknown = [did for did in plaintext["to"] if did not in self.joined]
        if unknown:
            return self._reply(joined.socket, joined.join_ref, ref, joined.topic, "error", {"reason": "unauthorized"})
        self._reply(joined.socket, joined.join_ref, ref, joined.topic, "ok", {})
        for did in plaintext["to"]:
            self.deliver(did, plaintext)

    def _deny(self, joined, plaintext):
        """The node's own report: it names the denied thread as pthid, and has no thid."""
        decision = {"id": "helix-decision", "media_type": "application/json", "lastmod_time": "2026-09-01T12:00:00Z", "data": {"json": {"allow": False}}}
        self.deliver(
            joined.did,
            {
                "id": str(uuid.uuid4()),
                "type": REPORT,
                "from": plaintext["to"][0],
                "to": [joined.did],
                "pthid": plaintext.get("thid") or plaintext["id"],
                "body": {"code": "e.m.authz.denied", "comment": "no grant covers this call"},
                "attachments": [decision],
            },
        )

    def deliver(self, did, plaintext):
        joined = self.joined[did]
        joined.in_flight.add(plaintext["id"])
        context = {"recipient": did, "authorized": True, "sender_credentials": []}
        self.push(did, "message", {"context": context, "plaintext": plaintext})

    def push(self, did, event, payload):
        joined = self.joined[did]
        joined.socket.send(frames.encode(joined.join_ref, None, joined.topic, event, payload))

    def _reply(self, socket, join_ref, ref, topic, status, response):
        socket.send(frames.encode(join_ref, ref, topic, "phx_reply", {"status": status, "response": response}))
