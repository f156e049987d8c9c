// A page with one graph, for tests/studio/test_graph.py.
import { WorkflowGraph } from "/studio/components/graph.js";
import { html, render } from "/studio/vendor/preact.js";

window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => window.violations.push(`${event.violatedDirective} ${event.blockedURI}`));
window.addEventListener("error", (event) => window.violations.push(event.message));
const root = document.getElementById("graph");
window.chosen = [];
let last = {};

/** Show *props*; what is chosen is kept in window.chosen and shown. With `fresh` as if the page had just been opened. */
window.mount = (props, fresh = true) => {
  if (fresh) render(null, root);
  last = { ...props, onSelect: (key) => { window.chosen.push(key); window.mount({ ...last, selected: key }, false); } };
  render(html`<${WorkflowGraph} ...${last} />`, root);
};
document.body.dataset.ready = "";
