// On a card that has the focus: Space plays and pauses, the arrows go to the next and the previous card.
document.addEventListener("keydown", (event) => {
  const card = event.target;
  if (!card.classList || !card.classList.contains("card") || event.ctrlKey || event.altKey || event.metaKey) return;
  const audio = card.querySelector("audio");
  if (event.key === " " && audio) {
    if (audio.paused) audio.play(); else audio.pause();
  } else if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
    const cards = Array.from(document.querySelectorAll(".card"));
    const next = cards[cards.indexOf(card) + (event.key === "ArrowRight" ? 1 : -1)];
    if (next) next.focus();
  } else return;
  event.preventDefault();
});

// One clip sounds at a time, and a line follows it over its picture.
document.addEventListener("play", (event) => {
  for (const other of document.querySelectorAll("audio")) if (other !== event.target) other.pause();
  const line = event.target.closest(".card").querySelector(".playhead");
  const follow = () => {
    line.style.display = event.target.paused ? "none" : "block";
    line.style.left = 100 * event.target.currentTime / event.target.duration + "%";
    if (!event.target.paused) requestAnimationFrame(follow);
  };
  if (line) follow();
}, true);
