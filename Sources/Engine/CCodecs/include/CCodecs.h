#pragma once
// PNG, JPEG and WebP decoding, PNG encoding, ICC to sRGB: libpng, libjpeg-turbo, libwebp, lcms2.
// The libraries' longjmp never leaves these functions.  No policy: limits come from the caller.
#include <stddef.h>
#include <stdint.h>

typedef struct {
  const char *keyword;  // Latin-1, 1 to 79 bytes
  const char *text;     // Latin-1 for tEXt, UTF-8 for iTXt, zero-terminated
  int international;    // 0: tEXt, 1: iTXt (uncompressed)
} codec_text;

/// Encodes 8-bit RGB as PNG with the texts before IDAT, in their order.
/// @return bytes to be freed with codec_free, or NULL with the reason in `message` (80 bytes).
uint8_t *codec_png_encode(
    const uint8_t *rgb, uint32_t width, uint32_t height, int compression, const codec_text *texts,
    int text_count, size_t *size, char *message);

void codec_free(void *bytes);
