"""An agent as an SDK of layr8 makes it: topics on a link, handlers, requests, and grants. Strict about what the node sends."""

import asyncio
import uuid

import mcp
import mediation
import wallet
from generations import GENERATIONS
from link import Link, NotConnected
from node_frames import REPORT, check_delivery, check_denial, check_join_response, check_push
from rest import Rest, RestError
from strict import Violation, require

REPORT_PROBLEM = "https://didcomm.org/report-problem/2.0"
REQUEST_TIMEOUT = 30


class JoinRefused(Exception):
    def __init__(self, reason, code=None):
        super().__init__(reason)
        self.reason = reason
        self.code = code


class ServerReject(Exception):
    """The node rejected a message."""

    def __init__(self, response):
        super().__init__(response["reason"])
        self.response = response


class Topic:
    """A DID on the link, and its handlers."""

    def __init__(self, did, protocols, handlers, parent):
        self.did = did
        self.protocols = protocols
        self.handlers = handlers
        self.parent = parent
        self.name = f"plugins:{did or ''}"
        self.is_assigned = did is None
        self.join_ref = None
        self.joined = False
        self.replies = False
        self.delegated = None
        self.revision = -1


class Agent:
    def __init__(self, options, emit, spawn):
        self.options = options
        self.emit = emit
        self.spawn = spawn
        self.generation = GENERATIONS[options["generation"]]
        settings = {name: options[name] for name in ("fragment", "backoff") if name in options}
        self.link = Link(options["url"], options["apiKey"], self.generation, self, **settings)
        self.rest = Rest(options["url"], options["apiKey"])
        self.topics = {}
        self.primary = None
        # By thread: the future of a request's response.
        self.requests = {}
        # Threads of messages that went out without a grant.
        self.bare = {}

    @property
    def did(self):
        return self.primary.did

    # Joining

    async def connect(self):
        self.primary = self._topic(self.options.get("did"), self.options, self.options.get("parent"))
        await self.link.open()
        await self._join(self.primary)
        return self.described(self.primary)

    def _topic(self, did, options, parent=None):
        handlers = {handler["type"]: handler for handler in options.get("handlers", [])}
        # As SDKs derive them: the type without its last segment, and the wildcard for a handler of everything.
        derived = ["*" if name == "*" else name.rpartition("/")[0] for name in handlers]
        if "mcp" in options:
            derived.append(mcp.BASE)
        if self.options.get("mediated"):
            derived += [mediation.COORDINATE, mediation.PICKUP]
        protocols = list(dict.fromkeys([*derived, *options.get("protocols", []), REPORT_PROBLEM]))
        return Topic(did, protocols, handlers, parent)

    async def join_did(self, did, options):
        require(did != self.did and f"plugins:{did}" not in self.topics, f"{did} is joined already")
        topic = self._topic(did, options)
        await self._join(topic)
        return self.described(topic)

    async def leave_did(self, did):
        topic = self._of(did)
        del self.topics[topic.name]
        _, status, response = await self.link.push(topic.name, "phx_leave", {}, join_ref=topic.join_ref)
        return {"status": status, "response": response}

    async def _join(self, topic):
        storage = "ephemeral" if topic.parent or topic.is_assigned or not self.generation.persistent else "persistent"
        purposes = [{"purpose": purpose} for purpose in ("authentication", "assertionMethod", "keyAgreement")]
        spec = {"mode": "Create", "storage": storage, "type": "plugin", "verificationMethods": purposes}
        if topic.parent:
            spec = {**spec, "parentDid": topic.parent, "childNameSource": self.options.get("childNameSource", "sdk")}
        payload = {"payload_types": topic.protocols, "did_spec": {**spec, **self.options.get("didSpec", {})}}
        if self.generation.replies:
            payload["reply_protocol"] = True
        if topic.parent:
            payload["delegation_refresh"] = True
        topic.joined = False
        # SDKs that kept the topic of an assigned DID join it again, and are assigned another one.
        asked = None if topic.name == "plugins:" else topic.did
        self.topics[topic.name] = topic

        def on_reply(ref, status, response):
            if status == "ok":
                self._on_joined(topic, ref, asked, response)

        _, status, response = await self.link.push(topic.name, "phx_join", payload, is_join=True, on_reply=on_reply)
        if status != "ok":
            self.topics.pop(topic.name, None)
            raise JoinRefused(response["reason"], response.get("code"))
        self.emit("joined", self.described(topic))

    def _on_joined(self, topic, ref, asked, response):
        """As soon as the reply is read: deliveries may follow it closely."""
        check_join_response(response, asked, topic.parent)
        topic.join_ref, topic.did, topic.joined = ref, response["did"], True
        topic.replies = self.generation.replies and "reply_protocol/1" in response["capabilities"]
        topic.delegated, topic.revision = response.get("delegated_credentials"), 0
        if self.generation.adopts_topic and topic.name == "plugins:":
            del self.topics[topic.name]
            topic.name = f"plugins:{topic.did}"
            self.topics[topic.name] = topic

    def described(self, topic):
        return {"did": topic.did, "topic": topic.name, "replies": topic.replies, "delegated": topic.delegated}

    def _of(self, did):
        for topic in self.topics.values():
            if did is None and topic is self.primary or topic.did == did:
                return topic
        raise NotConnected()

    # The link

    def on_disconnect(self, code):
        for topic in self.topics.values():
            topic.joined = False
        for future in self.requests.values():
            if not future.done():
                future.set_exception(NotConnected())
        self.requests = {}
        self.emit("disconnect", {"code": code})

    async def on_open(self):
        for topic in list(self.topics.values()):
            await self._rejoin(topic)
        self.emit("reconnect", {"did": self.did})

    async def _rejoin(self, topic):
        delay = self.link.backoff
        while True:
            try:
                await self._join(topic)
                return
            except JoinRefused as refused:
                self.emit("rejoin-refused", {"did": topic.did, "reason": refused.reason})
                self.topics[topic.name] = topic
                await asyncio.sleep(delay)
                delay = min(delay * 2, 30)

    def on_frame(self, join_ref, name, event, payload):
        topic = self.topics.get(name)
        if topic is None and not self.generation.adopts_topic:
            # Older SDKs do not look at the topic of a message.
            topic = next((each for each in self.topics.values() if name == f"plugins:{each.did}"), None)
        if topic is None:
            require(event == "phx_close", f"{event} on {name}, which is not joined: it would be lost")
            return
        require(join_ref is None or join_ref == topic.join_ref, f"join_ref {join_ref!r} is not that of {name}")
        if event == "message":
            require(topic.joined, "a delivery before the reply to the join: it would be lost")
            self._on_message(topic, payload)
        elif event == "delegated_credentials":
            require(topic.parent is not None and topic.joined, "delegated_credentials without having been asked for")
            self._on_delegation(topic, payload)
        elif event in ("phx_close", "phx_error"):
            topic.joined = False
            self.topics.pop(name, None)
            self.emit("channel", {"did": topic.did, "event": event})
        else:
            raise Violation(f"SDKs do not know the event {event}: {payload}")

    def _on_delegation(self, topic, payload):
        check_push(payload, topic.did, topic.parent, topic.revision)
        topic.delegated, topic.revision = payload, payload["revision"]
        self.emit("delegation", {"did": topic.did, "delegated": payload})

    # Inbound messages

    def _on_message(self, topic, payload):
        check_delivery(payload, topic.did)
        plaintext = payload["plaintext"]
        waiting = next((thread for thread in (plaintext.get("thid"), plaintext.get("pthid")) if thread in self.requests), None)
        handled = "request" if waiting is not None else "handler"
        self.emit("message", {"did": topic.did, "context": payload["context"], "plaintext": plaintext, "for": handled})
        if plaintext["type"] == REPORT:
            self._on_report(plaintext)
        if waiting is not None:
            # A response is not acknowledged: the request takes it.
            future = self.requests.pop(waiting)
            if not future.done():
                future.set_result(plaintext)
            return
        handler = self._handler_of(topic, plaintext)
        if handler is None:
            self.emit("no-handler", {"did": topic.did, "type": plaintext["type"], "id": plaintext["id"]})
            if topic.replies:
                self._dispatch_reply(topic, plaintext["id"], "pass")
            return
        if not topic.replies and not handler.get("manual"):
            self._post(topic, "ack", {"ids": [plaintext["id"]]})
        if not handler.get("manual"):
            self._handle(topic, handler, plaintext)

    def _on_report(self, plaintext):
        check_denial(plaintext, plaintext.get("pthid"))
        thread = plaintext.get("pthid") or plaintext.get("thid")
        if plaintext["body"]["code"] == "e.m.authz.denied" and thread in self.bare:
            self.emit("grant-miss", {**self.bare.pop(thread), "denialCode": "e.m.authz.denied"})

    def _handler_of(self, topic, plaintext):
        for handlers in (topic.handlers, self.primary.handlers):
            if plaintext["type"] in handlers:
                return handlers[plaintext["type"]]
        if "mcp" in self.options and plaintext["type"].startswith(f"{mcp.BASE}/"):
            return {"action": "mcp"}
        if self.options.get("mediated") and plaintext["type"] == f"{mediation.PICKUP}/delivery":
            return {"action": "collect"}
        return topic.handlers.get("*") or self.primary.handlers.get("*")

    def _handle(self, topic, handler, plaintext):
        action = handler["action"]
        if action == "mcp":
            found = mcp.answer(plaintext, self.options["mcp"])
            if found is not None:
                self._respond(topic, plaintext, *found)
        elif action == "collect":
            self.spawn(mediation.collect(self, plaintext))
        elif action == "reply":
            self._respond(topic, plaintext, handler["replyType"], handler.get("body", plaintext.get("body", {})))
        elif action == "fail":
            self._report(topic, plaintext, handler.get("comment", "the handler failed"))
        if topic.replies:
            status = {"pass": "pass", "fail": "error"}.get(action, "handled")
            more = {"code": "RuntimeError", "message": handler.get("comment", "the handler failed")} if action == "fail" else {}
            self._dispatch_reply(topic, plaintext["id"], status, **more)

    def _respond(self, topic, plaintext, message_type, body, **more):
        message = {
            "id": str(uuid.uuid4()),
            "type": message_type,
            "from": topic.did,
            "to": [plaintext["from"]],
            "thid": plaintext.get("thid") or plaintext["id"],
            "body": body,
            **more,
        }
        self._post(topic, "message", message)

    def _report(self, topic, plaintext, comment):
        """Both members of a thread: older SDKs look for thid."""
        thread = plaintext.get("thid") or plaintext["id"]
        body = {"code": "e.p.xfer.cant-process", "comment": comment}
        self._respond(topic, plaintext, REPORT, body, pthid=thread)

    def _dispatch_reply(self, topic, message_id, status, **more):
        named = {"message_id": message_id} if self.generation.names_message else {}
        self._post(topic, "dispatch_reply", {**named, "status": status, **more})

    def _post(self, topic, event, payload):
        self.link.post(topic.name, event, payload)

    def acknowledge(self, message_id, did=None):
        topic = self._of(did)
        if topic.replies:
            self._dispatch_reply(topic, message_id, "handled")
        else:
            self._post(topic, "ack", {"ids": [message_id]})

    # Outbound messages

    async def send(self, message, did=None, grants=False, from_did=None):
        """@returns the message and the recipients that are away. Raises ServerReject."""
        topic = self._of(did)
        if not topic.joined:
            raise NotConnected()
        filled = {"id": str(uuid.uuid4()), "from": from_did or topic.did, "body": {}, **message}
        if grants:
            await self._attach(topic, filled)
        _, status, response = await self.link.push(topic.name, "message", filled)
        if status != "ok":
            raise ServerReject(response)
        return {"message": filled, "away": response.get("away", [])}

    async def _attach(self, topic, message):
        """The caller's attachments replace those of the wallet, unless all of them are credentials about the sender."""
        own = message.get("attachments", [])
        if not all(wallet.is_identity(entry) for entry in own):
            return
        try:
            stored = [entry["credential_jwt"] for entry in await self.rest.credentials(topic.did)]
        except (RestError, OSError):
            # A message goes out without grants: whether it needs some is the node's decision.
            stored = []
        delegated = [entry["credential_jwt"] for entry in (topic.delegated or {}).get("credentials", [])]
        attached = wallet.choose([*delegated, *stored], message["to"], message["type"])
        if own or attached:
            message["attachments"] = [*own, *attached]
        if not attached:
            self.bare[message.get("thid") or message["id"]] = {"to": message["to"], "type": message["type"]}

    async def request(self, message, did=None, grants=False, timeout=REQUEST_TIMEOUT):
        """@returns the response, which may be a problem report."""
        thread = message.get("thid") or str(uuid.uuid4())
        future = asyncio.get_running_loop().create_future()
        self.requests[thread] = future
        try:
            await self.send({**message, "thid": thread}, did, grants)
            return await asyncio.wait_for(future, timeout)
        finally:
            self.requests.pop(thread, None)

    async def call(self, peer, method, params=None, grants=False):
        body = mcp.request(method, params)
        message_type = mcp.type_of(method)
        response = await self.request({"type": message_type, "to": [peer], "body": body}, grants=grants)
        if response["type"] == REPORT:
            return {"report": response}
        return mcp.check_response(message_type, body, response)

    async def close(self):
        if self.link.up:
            for topic in list(self.topics.values()):
                if topic.joined:
                    self.link.post(topic.name, "phx_leave", {}, join_ref=topic.join_ref)
        await self.link.close()
