/** Line drawings of 16 x 16 for buttons. */

import { s } from "./dom.mjs";

const PATHS = {
  pan: "M8 1.5v13M1.5 8h13M8 1.5L6 3.5M8 1.5l2 2M8 14.5l-2-2M8 14.5l2-2M1.5 8l2-2M1.5 8l2 2M14.5 8l-2-2M14.5 8l-2 2",
  lasso: "M8 2.5c3.6 0 6 1.7 6 4s-2.4 4-6 4-6-1.7-6-4 2.4-4 6-4zM5 10.2c-.9.6-.9 1.8.1 2 1.2.2 1.2 1.6.2 2.3",
  box: "M2.5 3.5h11v9h-11z",
  whole: "M2 5.5V2h3.5M10.5 2H14v3.5M14 10.5V14h-3.5M5.5 14H2v-3.5",
  fit: "M2 5V2h3M11 2h3v3M14 11v3h-3M5 14H2v-3M5.5 8a2.5 2.5 0 1 0 5 0 2.5 2.5 0 1 0-5 0",
  undo: "M5.5 3L2.5 6l3 3M2.5 6h7a4 4 0 0 1 0 8H6",
  redo: "M10.5 3l3 3-3 3M13.5 6h-7a4 4 0 0 0 0 8H10",
  link: "M6.5 9.5l3-3M7 4.5l1.5-1.5a3 3 0 0 1 4.5 4.5L11.5 9M9 11.5L7.5 13A3 3 0 0 1 3 8.5L4.5 7",
  export: "M8 10V2M8 2L5 5M8 2l3 3M2.5 9.5V14h11V9.5",
  theme: "M8 2a6 6 0 1 0 0 12zM8 2a6 6 0 1 1 0 12",
  inspector: "M2 3h12v10H2zM10 3v10",
  keys: "M6 6.2a2 2 0 1 1 2.8 1.8c-.6.3-.8.7-.8 1.5M8 12v.2",
  only: "M1.5 8s2.4-4 6.5-4 6.5 4 6.5 4-2.4 4-6.5 4-6.5-4-6.5-4zM8 6.2a1.8 1.8 0 1 0 0 3.6 1.8 1.8 0 0 0 0-3.6z",
  clear: "M4 4l8 8M12 4l-8 8",
  fold: "M3.5 6L8 10.5 12.5 6",
  layers: "M8 2l6 3.2-6 3.2-6-3.2zM2 8.2l6 3.2 6-3.2M2 11l6 3.2L14 11",
};

/** @param {keyof typeof PATHS} name @param {string} [dash] */
export function icon(name, dash) {
  return s("svg", { viewBox: "0 0 16 16", width: 15, height: 15, "aria-hidden": "true", class: "icon" },
    s("path", { d: PATHS[name], fill: "none", stroke: "currentColor", "stroke-width": 1.4, "stroke-linecap": "round", "stroke-linejoin": "round", "stroke-dasharray": dash }));
}
