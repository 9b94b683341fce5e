"""A node of layr8, driven by calls. Run: python3 nodes.py"""

from driver import main
from node import Node


def make_calls(driver):
    nodes = {}

    async def calls(name, args):
        if name == "start":
            node = Node(args, lambda event, value: driver.emit("node", event, value), driver.spawn)
            nodes["node"] = node
            return await node.start()
        return await CALLS[name](nodes["node"], args)

    return calls


async def _kill(node, _args):
    node.kill()


async def _stop(node, _args):
    await node.stop()


async def _push(node, args):
    node.push(args["did"], args["event"], args["payload"])


async def _deliver(node, args):
    node.deliver(args["did"], args["plaintext"])


async def _store(node, args):
    node.stored.append(args)


async def _refuse(node, args):
    node.refuses = args


async def _in_flight(node, args):
    return sorted(node.joined[args["did"]].in_flight)


async def _set(node, args):
    node.options.update(args)


CALLS = {
    "restart": lambda node, _args: node.start(),
    "kill": _kill,
    "stop": _stop,
    "push": _push,
    "deliver": _deliver,
    "store": _store,
    "refuse": _refuse,
    "inFlight": _in_flight,
    "set": _set,
}

if __name__ == "__main__":
    main(make_calls)
