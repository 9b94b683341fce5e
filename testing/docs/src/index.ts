export { matches, readSteps, type Step } from "./guided-page.ts";
export { serveSite, type ServedSite } from "./serve-site.ts";
