/** The samples that are kept pinned: from one to the next in a click, each with its own trail. */

import { h, replace } from "../dom.mjs";

/**
 * @param {HTMLElement} element
 * @param {{pins: (number | string)[], pin: number | string | null, image: (id: number | string) => string | null, onopen: (id: number | string) => void, onkeep: (id: number | string) => void}} context
 *   onkeep: lets one go
 */
export function pinnedSamples(element, { pins, pin, image, onopen, onkeep }) {
  const key = `${pins}/${pin}`;
  if (element.dataset.key === key) return;
  element.dataset.key = key;
  replace(element, h("h4", null, "Pinned"), h("ul", { class: "pinned" }, pins.map((id) => {
    const picture = image(id);
    return h("li", null,
      h("button", { type: "button", "aria-pressed": String(id === pin), title: `look at sample ${id}`, onclick: () => onopen(id) }, picture ? h("img", { src: picture, alt: "" }) : null, `#${id}`),
      h("button", { type: "button", class: "quiet", title: "let it go", "aria-label": `unpin sample ${id}`, onclick: () => onkeep(id) }, "×"));
  })));
}
