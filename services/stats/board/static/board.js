// The chosen look, and whether the live connection stands. Everything else is htmx.
(() => {
  const root = document.documentElement;
  const kept = localStorage.getItem("theme");
  if (kept) root.dataset.theme = kept;

  const isDark = () =>
    root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;

  function say(text) {
    const place = document.getElementById("connection");
    place.hidden = !text;
    place.textContent = text;
  }

  document.addEventListener("DOMContentLoaded", () => {
    document.getElementById("theme").addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      localStorage.setItem("theme", root.dataset.theme);
    });
    document.body.addEventListener("htmx:sse:after:connection", () => say(""));
    document.body.addEventListener("htmx:sse:error", () => say("Sambungan terputus, menyambung lagi…"));
  });
})();
