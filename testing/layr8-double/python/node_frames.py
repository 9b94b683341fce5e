"""What SDKs of layr8 accept of a node. Members that only Parley's documents have are listed here: SDKs of layr8 ignore them."""

import base64
import json

from strict import (
    Violation,
    check_members,
    is_boolean,
    is_did,
    is_integer,
    is_object,
    is_text,
    is_time,
    list_of,
    one_of,
    require,
)

CAPABILITIES = {"reply_protocol/1", "wildcard/1", "ephemeral_delegation/1", "ephemeral_delegation_refresh/1"}
"""Capabilities of Parley that a node announces without having been asked."""
EXTENSIONS = {"batch_ack/1", "wallet_watch/1", "agent_keys/1"}
REPORT = "https://didcomm.org/report-problem/2.0/problem-report"


def check_reply(payload):
    """A `phx_reply`: SDKs read `status` and `response.reason`."""
    check_members(payload, "phx_reply", {"status": one_of("ok", "error"), "response": is_object})
    response = payload["response"]
    if payload["status"] == "error":
        check_members(response, "response", {"reason": is_text}, {"code": is_text, "comment": is_text})
    return payload["status"], response


def check_push_response(response):
    """The answer to `message`, `ack`, `dispatch_reply`, a leave and a heartbeat."""
    check_members(response, "response", {}, {"away": list_of(is_did)})


def check_join_response(response, did, parent):
    check_members(
        response,
        "join",
        {"did": is_did, "capabilities": list_of(is_text)},
        {"took_over": is_boolean, "delegated_credentials": is_object},
    )
    require(did is None or response["did"] == did, f"the node gave {response['did']} instead of {did}")
    unknown = set(response["capabilities"]) - CAPABILITIES - EXTENSIONS
    require(not unknown, f"unknown capabilities: {unknown}")
    require(len(response["capabilities"]) == len(set(response["capabilities"])), "a capability twice")
    require((parent is not None) == ("delegated_credentials" in response), "delegated_credentials are for a DID with a parent only")
    if parent is not None:
        reading = response["delegated_credentials"]
        check_reading(reading, one_of("complete", "partial", "unread"), response["did"], parent)
        require(reading["revision"] == 0, "the revision of a join is 0")
        require(reading["status"] != "unread" or reading["credentials"] == [], "an unread wallet has no credentials")


def check_push(reading, did, parent, held):
    """A push of `delegated_credentials`: SDKs ignore one that is malformed, or not newer, so its changes would be lost."""
    check_reading(reading, one_of("complete", "partial"), did, parent)
    require(reading["revision"] > held, f"revision {reading['revision']} is not newer than {held}")


def check_reading(reading, status, did, parent):
    check_members(
        reading,
        "delegated_credentials",
        {"status": status, "revision": lambda value: is_integer(value) and value >= 0, "credentials": list_of(is_object)},
    )
    for entry in reading["credentials"]:
        check_members(entry, "delegated credential", {"id": is_text, "parent_capability": is_text, "credential_jwt": is_text})
        claims = claims_of(entry["credential_jwt"])
        require(claims is not None, "a delegated credential is not a compact JWS")
        subject = claims.get("credentialSubject")
        require(isinstance(subject, dict), "a delegated credential has no credentialSubject")
        delegation = subject.get("delegation")
        require(isinstance(delegation, dict), "a delegated credential has no delegation")
        require(delegation.get("parentCapability") == entry["parent_capability"], "parentCapability is not parent_capability")
        require(claims.get("id") == entry["id"], "the id of a delegated credential is not that of its claims")
        require(subject.get("id") == did, f"a delegated credential belongs to {subject.get('id')}")
        require(claims.get("issuer") == parent, f"a delegated credential was issued by {claims.get('issuer')}")
        require(isinstance(subject.get("scope"), list) and subject["scope"], "a delegated credential without a scope is no grant for SDKs")
        require("credentialStatus" not in claims, "a delegated credential has no status of its own")


def claims_of(jws):
    """The claims of a compact JWS, or None. Not verified: SDKs do not verify either."""
    parts = jws.split(".")
    if len(parts) != 3 or not all(parts):
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return None
    if not isinstance(claims, dict):
        return None
    return claims["vc"] if isinstance(claims.get("vc"), dict) else claims


def _is_credential(entry):
    """SDKs in Go and TypeScript read `id` and `name` of `credential_subject` as texts, and lose the whole message if they are something else."""
    if not isinstance(entry, dict) or not isinstance(entry.get("credential_subject"), dict):
        return False
    subject = entry["credential_subject"]
    return all(isinstance(subject.get(name, ""), str) for name in ("id", "name"))


def check_delivery(payload, recipient):
    """An inbound `message`: context and plaintext, as SDKs decode them into typed structures."""
    check_members(payload, "message", {"context": is_object, "plaintext": is_object})
    check_members(
        payload["context"],
        "context",
        {"recipient": is_did, "authorized": is_boolean, "sender_credentials": list_of(_is_credential)},
        {"attempt": lambda value: is_integer(value) and value >= 1},
    )
    require(payload["context"]["recipient"] == recipient, f"a message for {payload['context']['recipient']} on the topic of {recipient}")
    check_plaintext(payload["plaintext"])


TEXTS = ("id", "type", "from", "thid", "pthid")


def check_plaintext(plaintext):
    """The members that SDKs decode. All other headers of DIDComm are passed over."""
    require(is_text(plaintext.get("id")), f"a message without an id: {plaintext!r}")
    require(is_text(plaintext.get("type")), f"a message without a type: {plaintext!r}")
    for name in TEXTS:
        require(isinstance(plaintext.get(name, ""), str), f"{name} is not text: {plaintext.get(name)!r}")
    require(list_of(is_text)(plaintext.get("to", [])), f"to is not a list of texts: {plaintext.get('to')!r}")
    require(isinstance(plaintext.get("body", {}), dict), f"body is not an object: {plaintext.get('body')!r}")
    for name in ("created_time", "expires_time"):
        require(name not in plaintext or is_integer(plaintext[name]), f"{name} is not a number of seconds")
    trace = plaintext.get("trace_context", {})
    require(isinstance(trace, dict), f"trace_context is not an object: {trace!r}")
    attachments = plaintext.get("attachments", [])
    require(isinstance(attachments, list), "attachments is not a list")
    for attachment in attachments:
        _check_attachment(attachment)
    if plaintext["type"] == REPORT:
        check_report(plaintext)


def _check_attachment(attachment):
    require(isinstance(attachment, dict), f"an attachment is not an object: {attachment!r}")
    require(isinstance(attachment.get("data"), dict), f"an attachment without data: {attachment!r}")
    for name in ("id", "media_type", "format", "description", "filename"):
        require(isinstance(attachment.get(name, ""), str), f"{name} of an attachment is not text: {attachment.get(name)!r}")
    require("lastmod_time" not in attachment or is_time(attachment["lastmod_time"]), f"lastmod_time: {attachment.get('lastmod_time')!r}")
    for name in ("jws", "base64"):
        require(isinstance(attachment["data"].get(name, ""), str), f"data.{name} of an attachment is not text")


def check_report(plaintext):
    """A problem report: SDKs show code and comment, and find the request by thid or pthid."""
    body = plaintext.get("body")
    require(isinstance(body, dict) and is_text(body.get("code")), f"a problem report without a code: {body!r}")
    require(isinstance(body.get("comment", ""), str), f"the comment of a problem report is not text: {body!r}")
    require(body["code"].startswith(("e.", "w.")), f"a problem code begins with e. or w.: {body['code']!r}")
    args = body.get("args", [])
    require(isinstance(args, list) and all(isinstance(entry, str) for entry in args), f"args of a problem report: {args!r}")
    require("thid" in plaintext or "pthid" in plaintext, "a problem report that names no thread")


def check_denial(plaintext, thread):
    """A denial comes from the node, which names the denied thread as pthid only."""
    if plaintext["body"]["code"] != "e.m.authz.denied" or not plaintext.get("attachments"):
        return
    require("thid" not in plaintext, "a denial has no thid")
    require(plaintext.get("pthid") == thread, "a denial names the denied thread as pthid")
    decision = plaintext["attachments"][0]
    require(decision.get("id") == "helix-decision", f"the decision of a denial is helix-decision, not {decision.get('id')!r}")
    require(isinstance(decision.get("lastmod_time"), str), "lastmod_time of a decision is a date")


__all__ = [
    "Violation",
    "check_delivery",
    "check_denial",
    "check_join_response",
    "check_plaintext",
    "check_push",
    "check_push_response",
    "check_reply",
    "claims_of",
]
