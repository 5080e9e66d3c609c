// Paper is white, and nobody can open what is closed on it: a page is printed in the light, "deeper" with it.
{
  const root = document.documentElement;
  let theme, closed;
  addEventListener("beforeprint", () => {
    theme = root.dataset.theme;
    root.dataset.theme = "light";
    closed = [...document.querySelectorAll("details.deeper:not([open])")];
    for (const one of closed) one.open = true;
  });
  addEventListener("afterprint", () => {
    root.dataset.theme = theme;
    for (const one of closed) one.open = false;
  });
}
