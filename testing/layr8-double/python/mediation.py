"""Coordinate Mediation 3.0 and Message Pickup 3.0, as a client of layr8 uses a mediator."""

import base64

from link import NotConnected
from strict import check_members, is_boolean, is_integer, is_text, list_of, one_of, require

COORDINATE = "https://didcomm.org/coordinate-mediation/3.0"
PICKUP = "https://didcomm.org/messagepickup/3.0"
MAX_ROUNDS = 100
STATUS = {
    "recipient_did": is_text,
    "longest_waited_seconds": is_integer,
    "newest_received_time": is_integer,
    "oldest_received_time": is_integer,
    "total_bytes": is_integer,
    "live_delivery": is_boolean,
}


async def _ask(agent, mediator, name, body):
    return await agent.request({"type": name, "to": [mediator], "body": body})


async def enroll(agent, mediator):
    granted = await _ask(agent, mediator, f"{COORDINATE}/mediate-request", {})
    if granted["type"] == f"{COORDINATE}/mediate-deny":
        return {"denied": True}
    require(granted["type"] == f"{COORDINATE}/mediate-grant", f"the answer to mediate-request: {granted['type']}")
    routing = granted["body"].get("routing_did")
    require(is_text(routing) or list_of(is_text)(routing), f"routing_did: {routing!r}")
    updates = [{"recipient_did": agent.did, "action": "add"}]
    updated = await _ask(agent, mediator, f"{COORDINATE}/recipient-update", {"updates": updates})
    require(updated["type"] == f"{COORDINATE}/recipient-update-response", f"the answer to recipient-update: {updated['type']}")
    for entry in updated["body"]["updated"]:
        results = one_of("success", "no_change", "client_error", "server_error")
        check_members(entry, "updated", {"recipient_did": is_text, "result": results}, {"action": one_of("add", "remove")})
    own = [entry for entry in updated["body"]["updated"] if entry["recipient_did"] == agent.did]
    require(own and own[0]["result"] in ("success", "no_change"), f"{agent.did} is not registered: {updated['body']}")
    return {"routing": routing}


async def recipients(agent, mediator):
    listed = await _ask(agent, mediator, f"{COORDINATE}/recipient-query", {"paginate": {"limit": 10, "offset": 0}})
    require(listed["type"] == f"{COORDINATE}/recipient", f"the answer to recipient-query: {listed['type']}")
    check_members(listed["body"], "recipient", {"dids": list_of(lambda entry: is_text(entry.get("recipient_did")))}, {"pagination": lambda _: True})
    return [entry["recipient_did"] for entry in listed["body"]["dids"]]


def _status(message):
    require(message["type"] == f"{PICKUP}/status", f"a status was expected, not {message['type']}")
    check_members(message["body"], "status", {"message_count": is_integer}, STATUS)
    return message["body"]


async def status(agent, mediator):
    return _status(await _ask(agent, mediator, f"{PICKUP}/status-request", {}))


async def live(agent, mediator, on):
    return _status(await _ask(agent, mediator, f"{PICKUP}/live-delivery-change", {"live_delivery": on}))


async def collect(agent, delivery):
    """Posts what a delivery has to the agent's own node, and acknowledges it. @returns how many went in."""
    accepted = []
    for entry in delivery["attachments"]:
        require(is_text(entry.get("id")), "an attachment of a delivery without an id")
        data = entry["data"].get("base64")
        require(is_text(data), "an attachment of a delivery without base64")
        try:
            envelope = base64.urlsafe_b64decode(data + "=" * (-len(data) % 4))
        except ValueError:
            require(False, "base64 of a delivery is not base64url")
        await agent.rest.deliver(envelope)
        accepted.append(entry["id"])
    if accepted:
        try:
            received = await _ask(agent, delivery["from"], f"{PICKUP}/messages-received", {"message_id_list": accepted})
        except NotConnected:
            # The mediator delivers them again, and the node knows them.
            return len(accepted)
        _status(received)
    return len(accepted)


async def pickup(agent, mediator):
    collected = 0
    for _ in range(MAX_ROUNDS):
        answer = await _ask(agent, mediator, f"{PICKUP}/delivery-request", {"limit": 10})
        if answer["type"] == f"{PICKUP}/status":
            require(_status(answer)["message_count"] == 0, "a status instead of a delivery while messages wait")
            break
        require(answer["type"] == f"{PICKUP}/delivery", f"the answer to delivery-request: {answer['type']}")
        require(answer.get("attachments"), "a delivery without messages")
        collected += await collect(agent, answer)
    return collected


async def bootstrap(agent, mediator, live_delivery):
    enrolled = await enroll(agent, mediator)
    if "denied" in enrolled:
        return enrolled
    await agent.rest.declare_mediator(agent.did, mediator)
    collected = await pickup(agent, mediator)
    if live_delivery:
        require((await live(agent, mediator, True)).get("live_delivery") is True, "live delivery is not on")
    return {**enrolled, "collected": collected}
