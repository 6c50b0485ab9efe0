// Addresses of pages: #/run?file=runs/a.db&at=3.5. Everything that a page shows is in its address.

/** Return the name and the parameters of the page that the address bar names. */
export function current() {
  const [name, query] = location.hash.replace(/^#\/?/, "").split("?");
  return { name: name || "runs", parameters: Object.fromEntries(new URLSearchParams(query ?? "")) };
}

/** Return the address of a page. Parameters without a value are left out. */
export function address(name, parameters = {}) {
  const known = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const query = new URLSearchParams(known).toString();
  return `#/${name}${query ? `?${query}` : ""}`;
}

/** Change parameters of the current page's address without loading the page again. */
export function remember(changes) {
  const { name, parameters } = current();
  history.replaceState(null, "", address(name, { ...parameters, ...changes }));
}
