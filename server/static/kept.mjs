/** What the browser remembers of the page between visits: nothing where it gives a page in another's frame no storage. */

const PREFIX = "timetravel-";

/** @param {string} name @returns {string | null} */
export function kept(name) {
  try {
    return localStorage.getItem(PREFIX + name);
  } catch {
    return null;
  }
}

/** @param {string} name @param {string} value */
export function keep(name, value) {
  try {
    localStorage.setItem(PREFIX + name, value);
  } catch {
    // the choice holds until the page is closed
  }
}
