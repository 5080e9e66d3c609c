// What the theme asks Bootstrap's script for (24 kB gzipped), for the parts this book has: the menus of a page, its
// tooltips, the list of contents that follows the reader, and the way back up.

for (const button of document.querySelectorAll("[data-bs-toggle=dropdown]")) {
  const menu = button.nextElementSibling;
  const items = [...menu.querySelectorAll("a, button")];
  const isOpen = () => menu.classList.contains("show");
  const open = (yes) => {
    for (const one of [button, menu]) one.classList.toggle("show", yes);
    button.setAttribute("aria-expanded", yes);
  };
  button.addEventListener("click", () => open(!isOpen()));
  document.addEventListener("click", (event) => button.contains(event.target) || open(false));
  button.parentElement.addEventListener("focusout", (event) => {
    if (event.relatedTarget && !event.currentTarget.contains(event.relatedTarget)) open(false);
  });
  button.parentElement.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape" && isOpen()) open(false), button.focus();
    else if (step) {
      event.preventDefault();
      open(true);
      const next = items.indexOf(document.activeElement) + step;
      items.at(Math.max(-1, Math.min(next, items.length - 1))).focus(); // -1 is the last
    }
  });
}

{
  const GAP = 6; // pixels: the height of the arrow
  const tip = document.createElement("div");
  tip.setAttribute("role", "tooltip");
  tip.id = "tooltip";
  tip.innerHTML = '<div class="tooltip-arrow"></div><div class="tooltip-inner"></div>';
  let timer;
  const hide = () => {
    clearTimeout(timer);
    document.querySelector("[aria-describedby=tooltip]")?.removeAttribute("aria-describedby");
    tip.remove();
  };
  const show = (element, words) => {
    const left = element.dataset.bsPlacement === "left";
    tip.className = `tooltip show ${left ? "bs-tooltip-start" : "bs-tooltip-bottom"}`;
    tip.lastChild.textContent = words;
    tip.style = "position: fixed; left: 0; top: 0";
    document.body.append(tip);
    const at = element.getBoundingClientRect(), size = tip.getBoundingClientRect();
    const middle = [at.left + (at.width - size.width) / 2, at.top + (at.height - size.height) / 2];
    const x = left ? at.left - size.width - GAP : middle[0];
    const inside = Math.min(Math.max(x, 0), document.documentElement.clientWidth - size.width);
    tip.style.left = `${inside}px`;
    tip.style.top = `${left ? middle[1] : at.bottom + GAP}px`;
    const half = "calc(50% - var(--bs-tooltip-arrow-width) / 2)"; // and the arrow follows what it points at
    tip.firstChild.style = `position: absolute; ${left ? "top" : "left"}: ${half}; translate: ${left ? 0 : x - inside}px`;
    element.setAttribute("aria-describedby", tip.id);
  };
  for (const element of document.querySelectorAll("[data-bs-toggle=tooltip][title]")) {
    const words = element.title;
    element.removeAttribute("title"); // or the browser shows one of its own beside ours
    if (!element.textContent.trim() && !element.hasAttribute("aria-label")) element.setAttribute("aria-label", words);
    const soon = () => (clearTimeout(timer), (timer = setTimeout(show, 500, element, words)));
    element.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && soon());
    element.addEventListener("focus", () => element.matches(":focus-visible") && soon());
    for (const event of ["pointerleave", "blur", "click"]) element.addEventListener(event, hide);
  }
  addEventListener("keydown", (event) => event.key === "Escape" && hide());
}

{
  const links = [...document.querySelectorAll(".bd-toc-nav a[href^='#']")];
  const sections = links.map((link) => document.getElementById(decodeURIComponent(link.hash.slice(1))));
  const follow = () => {
    const isAbove = (section) => section.getBoundingClientRect().top < 0.4 * innerHeight;
    const isShown = (section) => !section.closest("details:not([open])"); // what is closed has no place
    const here = sections.findLastIndex((section) => isShown(section) && isAbove(section));
    links.forEach((link) => link.classList.remove("active"));
    for (let item = links[here]?.parentElement; item; item = item.parentElement.closest("li"))
      item.querySelector("a").classList.add("active");
    dispatchEvent(new Event("activate.bs.scrollspy")); // the theme's script marks the items around the links
  };
  const watch = new IntersectionObserver(follow, { rootMargin: "0px 0px -60% 0px" });
  sections.forEach((section) => watch.observe(section));
}

{
  const button = document.getElementById("pst-back-to-top");
  let before = scrollY;
  button.addEventListener("click", () => scrollTo(0, 0));
  addEventListener("scroll", () => {
    button.style.display = scrollY < before && scrollY > 0 ? "block" : "none";
    before = scrollY;
  });
}
