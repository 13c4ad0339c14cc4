// The charts say what they show in aria-label: this shows the same words beside the pointer.
const tip = document.createElement("output");
tip.id = "tip";
tip.hidden = true;
document.body.append(tip);

document.addEventListener("pointermove", (event) => {
  const mark = event.target.closest("figure path[aria-label]");
  tip.hidden = mark === null;
  if (mark === null) return;
  tip.textContent = mark.getAttribute("aria-label");
  const left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8);
  tip.style.left = `${left}px`;
  tip.style.top = `${event.clientY + 18}px`;
});
