// Names in code font: unknown ones are reported, known ones become links.
import { codeSpans } from "./markdown.mjs";

/** Names of standards, of other libraries and of examples that look like names of the API. */
const FOREIGN = new Set(
  (
    "PublicMessage GroupInfo Welcome Add Remove KeyPackage DIDCommMessaging JsonWebKey2020 DataIntegrityProof Multikey Host Create Require Update EdDSA fields VerifiableCredential " +
    "EmployeeCredential MembershipCredential ClerkCredential JetStream Prometheus Grafana LoadCredential TaskNotFound StandardSchema " +
    "RelayService Connect FetchRange GetHeads FetchWelcomes AckWelcomes Message PhoenixSocket ClientFactory ConsoleState NodeNext"
  ).split(" "),
);

/**
 * Names in code font of a page that don't exist: `[{ line, name, reason }]`. `names` are those of the API, `commands` the titles of the
 * command `parley`, `packages` the names of packages and entry points.
 */
export function unknownNames(text, { names, commands, packages }) {
  const members = new Set([...names.keys()].map((name) => name.split(".").at(-1)));
  const owners = new Set([...names.keys()].filter((name) => name.includes(".")).map((name) => name.split(".")[0]));
  const isKnown = (name) => names.has(name) || FOREIGN.has(name) || name in globalThis;
  const found = [];
  codeSpans(text, (span, line) => {
    const report = (reason) => found.push({ line, name: span, reason });
    const [, owner, member] = /^([A-Z][a-z\d]+[A-Za-z\d]*|[A-Z]+[a-z][A-Za-z\d]*)(?:\.([a-z]\w*))?(?:\(.*\))?$/.exec(span) ?? [];
    const [, call] = /^([a-z]\w*)\(.*\)$/.exec(span) ?? [];
    const [, command] = /^parley ((?:[a-z][a-z-]* ?)+)/.exec(span) ?? [];
    if (owner !== undefined && !isKnown(owner)) report("not exported by any package");
    else if (owner !== undefined && member !== undefined && owners.has(owner) && !names.has(`${owner}.${member}`))
      report(`no member of ${owner}`);
    else if (call !== undefined && !members.has(call) && !isKnown(call)) report("no function or method of this name");
    else if (span.startsWith("@parley/") && !packages.has(span)) report("no package or entry point");
    else if (command !== undefined && !isCommand(command.trim().split(" "), commands)) report("no command");
    return `\`${span}\``;
  });
  return found;
}

function isCommand(words, commands) {
  return commands.some((title) => {
    const [, ...path] = title.split(" ");
    return path.slice(0, words.length).join(" ") === words.slice(0, path.length).join(" ");
  });
}

/** A page whose code spans link to what they name, the first time each. Spans in links stay as they are. */
export function withNameLinks(text, path, { names, commands }) {
  const linked = new Set();
  return codeSpans(text, (span, _line, before) => {
    const isInLink = before.lastIndexOf("[") > before.lastIndexOf("]");
    const place = placeOf(span, names, commands);
    if (place === undefined || isInLink || linked.has(place) || place.startsWith(`/${path}#`)) return `\`${span}\``;
    linked.add(place);
    return `[\`${span}\`](${place})`;
  });
}

function placeOf(span, names, commands) {
  const name = span.replace(/\(.*\)$/, "");
  // A bare lower-case word may be anything: an option, a code, a file.
  if (/^[A-Z]/.test(name) || name !== span) {
    const place = names.get(name);
    if (place !== undefined) return place;
  }
  const title = commands.find((one) => span === one || span.startsWith(`${one} `));
  return title === undefined ? undefined : `/reference/commands.md#${title.replaceAll(" ", "-")}`;
}
