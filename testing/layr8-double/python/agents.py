"""Agents of layr8's SDKs, driven by calls. Run: python3 agents.py"""

import asyncio

import mediation
from agent import Agent
from driver import main


def make_calls(driver):
    agents = {}

    async def calls(name, args):
        if name == "connect":
            key = args["name"]
            agent = Agent(args, lambda event, value: driver.emit(key, event, value), driver.spawn)
            agents[key] = agent
            return await agent.connect()
        return await CALLS[name](agents[args["name"]], args)

    return calls


async def _send(agent, args):
    return await agent.send(args["message"], args.get("did"), args.get("grants", False), args.get("from"))


async def _request(agent, args):
    more = {name: args[name] for name in ("did", "grants", "timeout") if name in args}
    return await agent.request(args["message"], **more)


async def _acknowledge(agent, args):
    agent.acknowledge(args["id"], args.get("did"))


async def _kill(agent, _args):
    agent.link.socket.kill()


async def _ping(agent, args):
    await agent.link.ping(args.get("data", "ping"))


async def _raw(agent, args):
    """Writes a frame as it is, and returns the reply."""
    _, status, response = await agent.link.push(args["topic"], args["event"], args["payload"], join_ref=args.get("joinRef"))
    return {"status": status, "response": response}


async def _wallet(agent, args):
    return await agent.rest.credentials(args.get("holder", agent.did))


async def _burst(agent, args):
    """Sends messages without waiting for the replies in between, and returns how many were accepted."""
    sent = [agent.send(message) for message in args["messages"]]
    return len(await asyncio.gather(*sent))


CALLS = {
    "joinDid": lambda agent, args: agent.join_did(args["did"], args.get("options", {})),
    "leaveDid": lambda agent, args: agent.leave_did(args["did"]),
    "send": _send,
    "burst": _burst,
    "request": _request,
    "acknowledge": _acknowledge,
    "call": lambda agent, args: agent.call(args["peer"], args["method"], args.get("params"), args.get("grants", False)),
    "heartbeat": lambda agent, _args: agent.link.heartbeat(),
    "ping": _ping,
    "raw": _raw,
    "kill": _kill,
    "close": lambda agent, _args: agent.close(),
    "sign": lambda agent, args: agent.rest.sign(args["credential"], args.get("issuer", agent.did), args.get("format", "compact_jwt")),
    "store": lambda agent, args: agent.rest.store(args["jwt"], args.get("holder", agent.did)),
    "verify": lambda agent, args: agent.rest.verify(args["signed"], args.get("verifier", agent.did)),
    "present": lambda agent, args: agent.rest.present(args["credentials"], agent.did, args["verifier"]),
    "wallet": _wallet,
    "bootstrap": lambda agent, args: mediation.bootstrap(agent, args["mediator"], args.get("live", True)),
    "collect": lambda agent, args: mediation.collect(agent, args["delivery"]),
    "pickup": lambda agent, args: mediation.pickup(agent, args["mediator"]),
    "recipients": lambda agent, args: mediation.recipients(agent, args["mediator"]),
    "mediatorStatus": lambda agent, args: mediation.status(agent, args["mediator"]),
}

if __name__ == "__main__":
    main(make_calls)
