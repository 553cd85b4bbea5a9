(() => {
  "use strict";
  const EVERY = 5000;
  const button = document.getElementById("pause");
  const stale = () => document.getElementById("stale");
  let paused = false;

  const same = (old, fresh) => old.nodeName === fresh.nodeName && old.id === fresh.id;

  // What is new goes into the nodes that are there, so focus, scroll and what was opened stay.
  const attributes = (old, fresh) => {
    for (const one of fresh.attributes) {
      if (old.getAttribute(one.name) !== one.value) old.setAttribute(one.name, one.value);
    }
    for (const one of [...old.attributes]) {
      if (one.name !== "open" && !fresh.hasAttribute(one.name)) old.removeAttribute(one.name);
    }
  };
  const children = (old, fresh) => {
    const wanted = new Set([...fresh.children].map((one) => one.id).filter(Boolean));
    for (const one of [...old.children]) if (one.id && !wanted.has(one.id)) one.remove();
    let at = old.firstChild;
    for (const next of [...fresh.childNodes]) {
      if (at && same(at, next)) {
        merge(at, next);
        at = at.nextSibling;
      } else if (at && !at.id && !next.id) {
        const gone = at;
        at = at.nextSibling;
        gone.replaceWith(next);
      } else {
        const kept = next.id && [...old.children].find((one) => same(one, next));
        if (kept) merge(kept, next);
        old.insertBefore(kept || next, at);
      }
    }
    while (at) {
      const gone = at;
      at = at.nextSibling;
      gone.remove();
    }
  };
  const merge = (old, fresh) => {
    if (old.nodeType === Node.TEXT_NODE) {
      if (old.data !== fresh.data) old.data = fresh.data;
    } else if (old.nodeType === Node.ELEMENT_NODE && old.nodeName !== "NOSCRIPT") {
      attributes(old, fresh);
      children(old, fresh);
    }
  };

  const update = async () => {
    if (paused || document.hidden) return;
    try {
      const answer = await fetch(location.pathname, { cache: "no-store" });
      if (!answer.ok) throw new Error(`answered ${answer.status}`);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (paused) return;
      for (const id of ["verdict", "meta", "contents", "main"]) {
        const old = document.getElementById(id);
        const fresh = page.getElementById(id);
        if (old && fresh) merge(old, fresh);
      }
      document.title = page.title;
    } catch (error) {
      stale().textContent = "sidewatch does not answer; this is what it said last.";
    }
  };

  button.hidden = false;
  button.addEventListener("click", () => {
    paused = !paused;
    button.setAttribute("aria-pressed", String(paused));
    button.textContent = paused ? "Resume updates" : "Pause updates";
    update();
  });
  setInterval(update, EVERY);
})();
