// The page may be opened long after it was made: ages are counted from now. The words are those of age.py.
"use strict";
(() => {
  const HOUR = 3600e3;
  const limit = Number(document.documentElement.dataset.limitDays) * 24 * HOUR;
  const ageOf = (time) => Date.now() - Date.parse(time);
  const isOld = (age) => !(-HOUR <= age && age <= limit);
  const words = (age) => {
    const hours = age / HOUR;
    if (hours < -1) return "dated in the future: the clock of its machine is wrong";
    if (hours < 1) return "less than an hour old";
    if (hours < 48) return `${Math.floor(hours)} hour${hours >= 2 ? "s" : ""} old`;
    return `${Math.floor(hours / 24)} days old`;
  };
  const update = () => {
    for (const element of document.querySelectorAll("[data-age-of]")) {
      const age = ageOf(element.dataset.ageOf);
      element.textContent = words(age);
      element.classList.toggle("old", isOld(age));
    }
    let stale = false;
    for (const element of document.querySelectorAll("[data-warns-of]")) {
      element.hidden = !isOld(ageOf(element.dataset.warnsOf));
      stale ||= !element.hidden;
    }
    document.documentElement.classList.toggle("stale", stale);
  };
  update();
  setInterval(update, 60e3);
})();
