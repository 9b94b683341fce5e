"""What differs between the SDKs that a double stands for."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Generation:
    """How an SDK opens a connection, joins, and acknowledges."""

    # Where the API key travels: older SDKs have it in the query.
    key_in_query: bool
    # Whether it asks for the reply protocol, and reports outcomes with dispatch_reply. Others acknowledge before the handler.
    replies: bool
    # Whether dispatch_reply names its message. Without: the oldest delivery in flight.
    names_message: bool
    # Whether it uses the topic of a DID that the node has assigned, and passes over deliveries on other topics.
    adopts_topic: bool
    # Whether a fixed DID is persistent.
    persistent: bool


GENERATIONS = {
    "node": Generation(key_in_query=False, replies=True, names_message=True, adopts_topic=True, persistent=True),
    "python": Generation(key_in_query=False, replies=True, names_message=True, adopts_topic=False, persistent=True),
    "go": Generation(key_in_query=True, replies=True, names_message=False, adopts_topic=False, persistent=False),
    "oldest": Generation(key_in_query=True, replies=False, names_message=False, adopts_topic=False, persistent=False),
}
