// Sentence patterns that make technical prose hard to read, each with what to write instead. A marker is a hint: "who" and "what" have
// honest uses, which is why the check allows a small share.

/** By name: the pattern, and the remedy shown beside each place. */
export const MARKERS = {
  "fused who": {
    pattern: /(?:^|[.;:(] ?|\b(?:and|for|of|to|by|from|with|than) )(?:who|whoever) (?!(?:is|are|was|were|calls)\b)/i,
    remedy: "name the subject: the sender, an agent, anyone holding the key",
  },
  "fused what": {
    pattern: /\bWhat (?:\S+ ){1,6}(?:is|are|was|has|can|may|must|isn't|can't|doesn't|comes|goes|arrived|happens|waits|follows)\b/,
    remedy: "name the thing: a rejected message, the pending commit",
  },
  "person for a process": {
    pattern: /\b(?:nobody|somebody|everybody|whoever|whomever)\b/i,
    remedy: "name the caller, the peer or the component",
  },
  "is no X": {
    pattern: /\b(?:is|are|was|were) (?:no|none)\b(?! (?:longer|more than|less than|fewer than))/,
    remedy: 'write "is not a …", "unknown …" or "without …"',
  },
  "there isn't": { pattern: /\bthat there (?:is|isn't|are|aren't)\b/, remedy: 'write "unknown" or "missing"' },
  adverb: {
    pattern:
      /\b(?:anew|all the same|for good|by itself|by themselves|meanwhile|lately|lest|hence|now and then|at the most|so many|any more|no more\b(?! than)|besides)\b/,
    remedy: "leave it out, or name the interval, the order or the condition",
  },
  "speech act": {
    pattern: /\b(?:tells?|told) (?:of|the|what|that|who|which|about|apart)\b|\bsays? (?:what|that|so|of|who|how|why)\b|\bsees? to\b/,
    remedy: "code returns, reports, logs, throws or ensures",
  },
  "life and death": {
    pattern:
      /\b(?:buried|bury|burial|let go|lets? \w+ in\b|let in|done with|had it|is over|came to nothing|dies|died|lives?\b(?! (?:in|stream|demo|delivery|mode)))\b/,
    remedy: "dead-letter, release, admit, expire, end, fail",
  },
};

/** The names of the markers that a text carries. */
export function markersOf(text) {
  return Object.keys(MARKERS).filter((name) => MARKERS[name].pattern.test(text));
}
