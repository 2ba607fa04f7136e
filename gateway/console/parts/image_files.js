// Which files the service reads, as shared/images/formats.py has it: by type, or by name where a browser knows no type.

export const IMAGE_TYPES = [
  "image/jpeg",
  "image/png",
  "image/webp",
  "image/heic",
  "image/heif",
  "image/avif",
  "image/gif",
  "image/bmp",
];
export const IMAGE_SUFFIXES =
  ".jpg .jpeg .jpe .jfif .mpo .png .apng .webp .heic .heif .hif .heics .heifs .avif .gif .bmp .dib".split(" ");
export const IMAGE_NAMES = "JPEG, PNG, WebP, HEIC, AVIF, GIF or BMP";

/** What a file input accepts. */
export const ACCEPT = [...IMAGE_TYPES, ...IMAGE_SUFFIXES].join(",");

export function isImage({ name = "", type = "" }) {
  const suffix = name.slice(name.lastIndexOf(".")).toLowerCase();
  return IMAGE_TYPES.includes(type) || IMAGE_SUFFIXES.includes(suffix);
}
