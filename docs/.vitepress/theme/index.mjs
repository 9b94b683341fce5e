// The default theme with the fonts of the system, so that no page loads a font.
import Theme from "vitepress/theme-without-fonts";
import { watchSearchRoles } from "./search-roles.mjs";
import "./style.css";

export default {
  extends: Theme,
  enhanceApp() {
    if (typeof document !== "undefined") watchSearchRoles();
  },
};
