// In the place of the webcam: a canvas. `showPicture(url)` puts a picture before it, `showPicture("")` an empty room;
// `films` are pictures one after the other, by the words on the page at which each one is to be played.
(() => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 640, height: 480 });
  const context = canvas.getContext("2d");
  let shown = null;
  const pictureOf = (url) =>
    new Promise((resolve) => {
      const image = new Image();
      image.onload = () => resolve(image);
      image.src = url;
    });
  const draw = () => {
    context.fillStyle = "rgb(90 96 104)";
    context.fillRect(0, 0, canvas.width, canvas.height);
    if (shown) context.drawImage(shown, 0, 0, canvas.width, canvas.height);
    for (let dot = 0; dot < 40; dot++) {
      context.fillStyle = `rgb(${Math.random() * 255} 128 128 / 20%)`; // no camera gives the same picture twice
      context.fillRect(Math.random() * canvas.width, Math.random() * canvas.height, 1, 1);
    }
  };
  setInterval(draw, 40);
  draw();
  window.showPicture = async (url) => (shown = url ? await pictureOf(url) : null);
  window.playFilms = async (films, millisecondsEach) => {
    const rolls = {};
    for (const [words, urls] of Object.entries(films)) rolls[words] = await Promise.all(urls.map(pictureOf));
    let said = "";
    setInterval(async () => {
      const words = document.querySelector(".door-panel .door-word")?.textContent ?? "";
      if (words === said) return;
      said = words;
      for (const picture of rolls[words] ?? []) {
        shown = picture;
        await new Promise((resolve) => setTimeout(resolve, millisecondsEach));
      }
    }, 40);
  };
  navigator.mediaDevices.getUserMedia = async () => canvas.captureStream(25);
})();
