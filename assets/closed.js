// What is closed opens when a link, the address or the search leads into it, also where the browser does not do so.
{
  const open = (element) => {
    for (let up = element; up; up = up.parentElement) if (up.localName === "details") up.open = true;
  };
  const reveal = (hash) => {
    const target = hash && document.getElementById(decodeURIComponent(hash.slice(1)));
    if (!target) return;
    const inside = target.querySelector(":scope > details.deeper"); // a link to its heading means what is below it
    const closed = target.closest("details:not([open])") || (inside && !inside.open);
    open(inside || target);
    return closed && target;
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href*='#']");
    if (link && link.pathname === location.pathname) reveal(link.hash); // before the browser scrolls there
  });
  addEventListener("hashchange", () => reveal(location.hash)?.scrollIntoView());
  addEventListener("load", () => {
    reveal(location.hash)?.scrollIntoView();
    document.querySelectorAll(".deeper .highlighted").forEach(open); // what the search has marked
  });
}
