// Roles of the search box. VitePress marks it as a button with a list box, whose options contain links: assistive technologies then announce
// neither the links nor the field. It is a dialog with a field and a list of links.

const ROLES = [
  [".VPLocalSearchBox", { role: "dialog", "aria-modal": "true", "aria-owns": null, "aria-expanded": null, "aria-haspopup": null }],
  [".VPLocalSearchBox input", { "aria-activedescendant": null, "aria-autocomplete": null, "aria-controls": null }],
  [".VPLocalSearchBox .results", { role: null, "aria-labelledby": null }],
  [".VPLocalSearchBox .results > li", { role: null, "aria-selected": null }],
  [".VPLocalSearchBox .result", { "aria-label": null }],
  [".VPLocalSearchBox kbd", { role: "img" }],
];

/** Corrects the roles whenever the search box changes. */
export function watchSearchRoles() {
  const names = [...new Set(ROLES.flatMap(([, attributes]) => Object.keys(attributes)))];
  const correct = () => {
    for (const [selector, attributes] of ROLES) {
      for (const element of document.querySelectorAll(selector)) {
        for (const [name, value] of Object.entries(attributes)) {
          if (value === null) element.removeAttribute(name);
          else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
        }
      }
    }
  };
  new MutationObserver(correct).observe(document.body, { subtree: true, childList: true, attributes: true, attributeFilter: names });
}
