#pragma once
// PNG, JPEG and WebP decoding, PNG encoding, ICC to sRGB: libpng, libjpeg-turbo, libwebp, lcms2.
// The libraries' longjmp never leaves these functions.  No policy: limits come from the caller.
#include <stddef.h>
#include <stdint.h>

#define CODEC_MESSAGE 96

enum { CODEC_SRGB, CODEC_BT709, CODEC_GAMMA };

/// A colour space by numbers instead of a profile.
typedef struct {
  int given;             // 0: there is none
  double primaries[8];   // x, y of white, red, green, blue
  int transfer;          // CODEC_SRGB ...: how samples become light
  double gamma;          // exponent, for CODEC_GAMMA
} codec_colour;

typedef struct {
  uint32_t width, height;  // in: what the file's header says; another size is an error
  uint8_t *buffer;         // in: room for the pixels; out: width x height x RGB
  size_t capacity;         // in: 3 bytes per pixel; 4 for interlaced PNG and for WebP with alpha
  const uint8_t *icc;      // in, WebP only: the embedded profile, or NULL
  size_t icc_size;
  codec_colour colour;  // in, PNG only: counts before a profile
  int icc_converted;    // out: 1 if an embedded profile changed the colours
  int alpha_flattened;  // out: 1 if a pixel was not opaque; it lies on white now
  char message[CODEC_MESSAGE];  // out: the reason, if the call failed
} codec_picture;

/// Each decodes one still picture to 8-bit sRGB. @return 1, or 0 with the reason in `message`.
int codec_png_decode(const uint8_t *bytes, size_t size, codec_picture *picture);
int codec_jpeg_decode(const uint8_t *bytes, size_t size, codec_picture *picture);
int codec_webp_decode(const uint8_t *bytes, size_t size, codec_picture *picture);

/// @return 1 if the header could be read.
int codec_webp_header(
    const uint8_t *bytes, size_t size, uint32_t *width, uint32_t *height, int *has_alpha);

typedef struct {
  const char *keyword;  // Latin-1, 1 to 79 bytes
  const char *text;     // Latin-1 for tEXt, UTF-8 for iTXt, zero-terminated
  int international;    // 0: tEXt, 1: iTXt (uncompressed)
} codec_text;

/// Encodes 8-bit RGB as PNG with the texts before IDAT, in their order.
/// @return bytes to be freed with codec_free, or NULL with the reason in `message` (CODEC_MESSAGE bytes).
uint8_t *codec_png_encode(
    const uint8_t *rgb, uint32_t width, uint32_t height, int compression, const codec_text *texts,
    int text_count, size_t *size, char *message);

void codec_free(void *bytes);
