// The webcam: opened for a page, closed with it.

import { Problem } from "../api.js";
import { h } from "../dom.js";

const WHY = {
  NotAllowedError: "The browser does not let this page use the camera: allow it beside the address, then try again.",
  NotFoundError: "No camera was found: connect one, or choose a file.",
  NotReadableError: "The camera is used by another program: close that, then try again.",
  OverconstrainedError: "That camera is not there any more: choose another one.",
};
const INSECURE = "Browsers lend the camera to pages over HTTPS (or on localhost) only: open the console that way.";

/** The cameras of this device, as [id, label]; their labels are known once one was opened. */
export async function cameras() {
  const found = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  return found
    .filter((device) => device.kind === "videoinput")
    .map((device, index) => [device.deviceId, device.label || `Camera ${index + 1}`]);
}

/**
 * Open a camera: { video, frame(), fresh(), stop() }; `fresh` waits for a picture that no call before it gave. It is stopped when the signal says so.
 * Throws Problem, which says what to do.
 */
export async function openCamera({ deviceId, signal }) {
  if (!navigator.mediaDevices) throw new Problem({ code: "no_camera", detail: INSECURE });
  const wanted = { width: { ideal: 1280 }, height: { ideal: 720 }, ...(deviceId && { deviceId: { exact: deviceId } }) };
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: wanted, audio: false });
  } catch (error) {
    throw new Problem({
      code: "no_camera",
      detail: WHY[error.name] ?? "The camera cannot be opened: try another one.",
    });
  }
  const video = h("video", { class: "camera-video", playsinline: true, "aria-label": "What the camera sees" });
  const stop = () => {
    for (const track of stream.getTracks()) track.stop();
    video.srcObject = null;
  };
  if (signal.aborted) stop();
  signal.throwIfAborted();
  signal.addEventListener("abort", stop, { once: true });
  video.muted = true;
  video.srcObject = stream;
  try {
    await video.play();
  } catch (error) {
    stop(); // nobody would see that it is on
    throw error;
  }
  const lost = new Promise((resolve) => stream.getVideoTracks()[0].addEventListener("ended", resolve));
  const frame = (side, quality) => frameOf(video, side, quality);
  const fresh = async (side, quality) => {
    await nextPicture(video, signal);
    return frame(side, quality);
  };
  return { video, stop, lost, frame, fresh };
}

/** Wait for the video's next picture, unless the signal says that none will come. */
function nextPicture(video, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    video.requestVideoFrameCallback(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    });
  });
}

/** What the camera sees now, as a JPEG whose longer side is at most so many pixels. */
function frameOf(video, side = 1280, quality = 0.92) {
  const { videoWidth: width, videoHeight: height } = video;
  const factor = Math.min(1, side / Math.max(width, height));
  const canvas = h("canvas", { width: Math.round(width * factor), height: Math.round(height * factor) });
  canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) =>
    canvas.toBlob(
      (made) => (made ? resolve(made) : reject(new Error("the camera gave no picture"))),
      "image/jpeg",
      quality,
    ),
  );
}
