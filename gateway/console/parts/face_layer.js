// Where a face lies in a picture that is shown whole inside a stage: for layers of boxes over photos and videos.

/** Make a layer as large as the picture ({ width, height }) is shown in its stage. */
export function fit(layer, stage, { width, height }) {
  const ratio = width / height / (stage.clientWidth / stage.clientHeight || 1);
  layer.style.setProperty("--wide", `${100 * Math.min(1, ratio)}%`);
  layer.style.setProperty("--high", `${100 * Math.min(1, 1 / ratio)}%`);
}

/** The place of a box in its layer, as CSS properties; in a mirror the left is the right. */
export function placeOf(box, { width, height }, { isMirrored = false } = {}) {
  const part = (length, whole) => `${(100 * length) / whole}%`;
  return {
    "--left": part(isMirrored ? width - box.x - box.width : box.x, width),
    "--top": part(box.y, height),
    "--wide": part(box.width, width),
    "--high": part(box.height, height),
  };
}
