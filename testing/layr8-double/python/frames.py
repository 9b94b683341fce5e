"""Frames of Phoenix Channels V2: [join_ref, ref, topic, event, payload]."""

import json

from strict import read_json, require


def encode(join_ref, ref, topic, event, payload):
    return json.dumps([join_ref, ref, topic, event, payload], separators=(",", ":"), ensure_ascii=False)


def decode(text):
    """Exactly five elements. Several frames in one message are an extension that SDKs of layr8 do not know."""
    require("\n" not in text, "a line break: several frames in one message")
    frame = read_json(text)
    require(isinstance(frame, list) and len(frame) == 5, f"a frame has five elements: {text[:200]!r}")
    join_ref, ref, topic, event, payload = frame
    require(join_ref is None or isinstance(join_ref, str), f"join_ref is neither text nor null: {join_ref!r}")
    require(ref is None or isinstance(ref, str), f"ref is neither text nor null: {ref!r}")
    require(isinstance(topic, str), f"topic is not text: {topic!r}")
    require(isinstance(event, str), f"event is not text: {event!r}")
    require(isinstance(payload, dict), f"payload is not an object: {payload!r}")
    return join_ref, ref, topic, event, payload
